/** What stands where there is nothing yet: loading, failed, and empty lists that say what would appear. */

import { h, icon } from "./dom.js";
import { appOfChannel, avatar, channelName } from "./people.js";

/** Grey lines in the shape of messages. */
export function skeleton(count = 6) {
  const line = (at) => h("div", { class: "skeleton-message" }, h("span", { class: "bone bone-face" }),
    h("span", { class: "skeleton-lines" }, h("span", { class: "bone bone-name" }), h("span", { class: `bone bone-text bone-${at % 3}` })));
  return h("div", { class: "skeleton", role: "status", "aria-label": "Loading" }, Array.from({ length: count }, (_, at) => line(at)));
}

/** What went wrong, and a way to try again. */
export function failure(text, again) {
  return h("div", { class: "state", role: "alert" }, icon("warning"), h("p", null, text),
    h("button", { type: "button", class: "button", on: { click: again } }, "Try again"));
}

/** A quiet sentence or two in the middle of an empty pane. */
export function emptiness(title, text) {
  return h("div", { class: "state" }, h("h2", null, title), h("p", null, text));
}

/** The beginning of a conversation. */
export function welcome(channel, state) {
  const name = channelName(channel, state);
  const app = appOfChannel(channel, state);
  if (app) return start(avatar(state.users[channel.user] ?? app, "huge"), name, `This is where ${app.name} writes to you alone.`);
  if (channel.is_im && channel.user === state.you) return start(avatar(state.users[channel.user], "huge"), name, "Only you can read what is written here.");
  if (channel.is_im) return start(avatar(state.users[channel.user] ?? { id: channel.user }, "huge"), name, `Only you and ${name} can read what is written here.`);
  const purpose = channel.purpose || "Write something, or type / to see the commands of the apps.";
  return start(icon("hash"), `#${name}`, `This is where #${name} begins. ${purpose}`);
}

const start = (lead, title, text) => h("div", { class: "welcome" }, h("div", { class: "welcome-lead" }, lead), h("h2", null, title), h("p", null, text));
