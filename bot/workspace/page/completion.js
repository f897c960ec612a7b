/** What the composer offers while one types: commands with their usage, people, channels. Pure. */

import { displayName } from "./people.js";

const MOST = 8;

const starts = (text, query) => text.toLowerCase().startsWith(query.toLowerCase());

function commandOffers(query, apps) {
  return apps.flatMap((app) => (app.commands ?? [])
    .filter((command) => starts(command.command, query))
    .map((command) => ({
      insert: `${command.command} `,
      label: command.command,
      hint: command.usage_hint ?? "",
      detail: command.description ?? "",
      owner: app,
    })));
}

function personOffers(query, users) {
  return Object.values(users)
    .filter((user) => [user.name, ...displayName(user).split(" ")].some((word) => starts(word ?? "", query)))
    .map((user) => ({ insert: `@${user.name} `, label: displayName(user), hint: `@${user.name}`, detail: "", owner: user }));
}

function channelOffers(query, channels) {
  return Object.values(channels)
    .filter((channel) => !channel.is_im && starts(channel.name, query))
    .map((channel) => ({ insert: `#${channel.name} `, label: `#${channel.name}`, hint: channel.topic ?? "", detail: "" }));
}

/** The usage of the command that stands in the text already, or null. */
function usage(text, apps) {
  const word = text.split(/\s/)[0];
  const offer = commandOffers(word, apps).find((one) => one.label === word);
  return offer && { kind: "usage", from: 0, offers: [offer] };
}

/** Text and caret -> `{kind: "offers" | "usage", from, offers}` or null when there is nothing to offer. */
export function complete(text, caret, state) {
  const before = text.slice(0, caret);
  if (/^\/\S*$/.test(before)) return offered(0, commandOffers(before, state.apps));
  if (before.startsWith("/")) return usage(text, state.apps);
  const word = /(?:^|\s)([@#])([\p{L}\p{N}._-]*)$/u.exec(before);
  if (!word) return null;
  const [, sign, query] = word;
  const from = caret - query.length - 1;
  return offered(from, sign === "@" ? personOffers(query, state.users) : channelOffers(query, state.channels));
}

const offered = (from, offers) => (offers.length ? { kind: "offers", from, offers: offers.slice(0, MOST) } : null);
