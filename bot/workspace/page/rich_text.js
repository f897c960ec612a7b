/** Slack's rich_text block: sections, lists, quotes and code made of styled runs. */

import { h, link } from "./dom.js";
import { emoji } from "./emoji.js";
import { channelMention, dateNode, mention } from "./prose.js";

const STYLES = [["code", "code"], ["strike", "s"], ["italic", "em"], ["bold", "strong"], ["underline", "u"]];

const RUNS = new Map(Object.entries({
  text: (run) => withBreaks(run.text ?? ""),
  link: (run) => link(run.url, run.text || run.url),
  user: (run, names) => mention(run.user_id, names),
  usergroup: (run) => h("span", { class: "mention" }, `@${run.usergroup_id}`),
  channel: (run, names) => channelMention(run.channel_id, names),
  emoji: (run) => emoji(run.name ?? "?"),
  broadcast: (run) => h("span", { class: "mention mention-you" }, `@${run.range}`),
  color: (run) => h("code", null, run.value),
  date: (run) => dateNode({ unix: run.timestamp, template: run.format ?? "", url: run.url, fallback: run.fallback ?? "" }),
}));

const PARTS = new Map(Object.entries({
  rich_text_section: (part, names) => h("div", { class: "lines" }, runs(part, names)),
  rich_text_preformatted: (part) => h("pre", { class: "pre", tabindex: "0" }, (part.elements ?? []).map((run) => run.text ?? run.url ?? "")),
  rich_text_quote: (part, names) => h("blockquote", null, runs(part, names)),
  rich_text_list: list,
}));

const withBreaks = (text) => text.split("\n").flatMap((line, at) => (at ? [h("br"), line] : [line]));

function styled(run, names) {
  const draw = RUNS.get(run.type);
  const inside = draw ? draw(run, names) : (run.text ?? "");
  return STYLES.reduce((node, [style, tag]) => (run.style?.[style] ? h(tag, null, node) : node), inside);
}

const runs = (part, names) => (part.elements ?? []).map((run) => styled(run, names));

function list(part, names) {
  const tag = part.style === "ordered" ? "ol" : "ul";
  const indent = Math.min(5, Math.max(0, part.indent ?? 0));
  const start = tag === "ol" && part.offset ? String(part.offset + 1) : null;
  const items = (part.elements ?? []).map((item) => h("li", null, runs(item, names)));
  return h(tag, { class: indent ? `indent-${indent}` : null, start }, items);
}

/** The parts of a rich_text block; parts of an unknown type are left out. */
export function richText(parts, names) {
  return h("div", { class: "prose" }, parts.map((part) => PARTS.get(part.type)?.(part, names)));
}
