/** Draws text that people and apps wrote: mrkdwn trees, plain text and the names inside them. */

import { h, link } from "./dom.js";
import { emoji, withGlyphs } from "./emoji.js";
import { decode, parse } from "./mrkdwn.js";
import { slackDate, timeElement } from "./time.js";

const BLOCKS = {
  pre: (node) => h("pre", { class: "pre", tabindex: "0" }, node.text),
  quote: (node, names) => h("blockquote", null, inlines(node.children, names)),
  lines: (node, names) => h("div", { class: "lines" }, inlines(node.children, names)),
  list: (node, names) => h(node.ordered ? "ol" : "ul", null, node.items.map((item) => listItem(item, names))),
};

const INLINES = {
  text: (node) => node.text,
  break: () => h("br"),
  code: (node) => h("code", null, node.text),
  bold: (node, names) => h("strong", null, inlines(node.children, names)),
  italic: (node, names) => h("em", null, inlines(node.children, names)),
  strike: (node, names) => h("s", null, inlines(node.children, names)),
  link: (node, names) => link(node.url, inlines(node.children, names)),
  emoji: (node) => emoji(node.name),
  user: (node, names) => mention(node.id, names, node.label),
  channel: (node, names) => channelMention(node.id, names, node.label),
  usergroup: (node) => h("span", { class: "mention" }, `@${(node.label ?? node.id).replace(/^@/, "")}`),
  broadcast: (node) => h("span", { class: "mention mention-you" }, `@${node.range}`),
  date: dateNode,
};

const inlines = (nodes, names) => nodes.map((node) => INLINES[node.type](node, names));

function listItem(item, names) {
  const props = { class: item.indent ? `indent-${item.indent}` : null, value: item.number };
  return h("li", props, inlines(item.children, names));
}

/** A person's name, marked when it is the one acting. */
export function mention(id, names, label = null) {
  const name = names.user(id)?.name ?? label?.replace(/^@/, "") ?? id;
  return h("span", { class: id === names.you ? "mention mention-you" : "mention" }, `@${name}`);
}

/** A channel's name as a link to it, or plain when this person cannot see it. */
export function channelMention(id, names, label = null) {
  const channel = names.channel(id);
  const text = `#${channel?.name ?? label ?? id}`;
  return channel ? h("a", { class: "mention", href: names.href(id) }, text) : h("span", { class: "mention" }, text);
}

/** A moment in the reader's zone; the writer's fallback when the format is not understood. */
export function dateNode({ unix, template, url, fallback }) {
  const text = slackDate(template, unix, new Date());
  if (text === null) return fallback || String(unix);
  const moment = new Date(unix * 1000);
  const time = timeElement(moment, text, (now) => slackDate(template, unix, now));
  return url ? link(url, time) : time;
}

/** mrkdwn as elements; `names` finds users and channels. */
export function mrkdwn(text, names) {
  return h("div", { class: "prose" }, parse(String(text ?? "")).map((node) => BLOCKS[node.type](node, names)));
}

/** A Block Kit text object: mrkdwn is drawn, plain text is shown as it is with known emoji. */
export function textObject(object, names) {
  if (!object) return null;
  if (object.type === "mrkdwn") return mrkdwn(object.text, names);
  return h("div", { class: "prose plain" }, plain(object));
}

/** The characters of a text object or a string, without markup. */
export function plain(object) {
  const text = typeof object === "string" ? object : (object?.text ?? "");
  return withGlyphs(decode(text));
}
