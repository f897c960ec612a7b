/** Who wrote something: names, initials in a person's colour, and the lookups that prose needs. */

import { h } from "./dom.js";
import { placeHash } from "./routes.js";

const PALETTE = ["#2f6f9f", "#7a5195", "#a05a2c", "#2d7d5f", "#9c3d5c", "#4f5fa8", "#6b6f1d", "#8a4b9e"];

function colorOf(user) {
  if (/^#?[0-9a-f]{6}$/i.test(user?.color ?? "")) return `#${user.color.replace("#", "")}`;
  const sum = [...(user?.id ?? "?")].reduce((total, sign) => total + sign.codePointAt(0), 0);
  return PALETTE[sum % PALETTE.length];
}

function initialsOf(user) {
  if (user?.initials) return user.initials.slice(0, 2);
  const words = (user?.real_name || user?.name || "?").split(/[\s._-]+/).filter(Boolean);
  return words.slice(0, 2).map((word) => [...word][0].toUpperCase()).join("");
}

/** The name that stands above a person's messages. */
export const displayName = (user) => user?.real_name || user?.name || "Somebody";

/** A square of initials; names stand beside it, so it is silent for screen readers. */
export function avatar(user, size = "medium") {
  const node = h("span", { class: `avatar avatar-${size}${user?.is_bot ? " avatar-app" : ""}`, "aria-hidden": "true" }, initialsOf(user));
  node.style.setProperty("--person", colorOf(user));
  return node;
}

/** The author of a message; an app may post under a name of its own. */
export function authorOf(message, state) {
  const profile = message.bot_profile ?? {};
  const user = state.users[message.user ?? profile.user_id] ?? botUser(message, state);
  const name = message.username || displayName(user ?? { real_name: profile.name });
  const isApp = Boolean(message.bot_id || user?.is_bot);
  return { user: user ?? { id: message.bot_id ?? message.user ?? "?", real_name: name }, name, isApp };
}

const botUser = (message, state) =>
  message.bot_id ? Object.values(state.users).find((user) => user.bot_id === message.bot_id) : undefined;

/** What prose asks for while it draws: users, channels, who acts, where a channel is. */
export function namesIn(state) {
  return {
    you: state.you,
    user: (id) => state.users[id],
    channel: (id) => state.channels[id],
    href: (id) => placeHash({ user: state.you, place: id }),
  };
}

/** What a conversation is called: `#deploys`, or the other person's name. */
export function channelName(channel, state) {
  if (channel.is_im) return displayName(state.users[channel.user] ?? { real_name: channel.name });
  return channel.name;
}

/** The app whose bot is the other side of this direct message, if any. */
export const appOfChannel = (channel, state) =>
  channel?.is_im ? state.apps.find((app) => app.bot_user === channel.user) : undefined;
