/**
 * Slack's mrkdwn (https://api.slack.com/reference/surfaces/formatting). `parse` turns text into a
 * tree and knows no page; `render` turns the tree into elements. What is not understood stays text.
 */

const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };
const MARKERS = { "*": "bold", _: "italic", "~": "strike" };
const EMOJI = /:([a-z0-9_+'-]+)(?::(?::?skin-tone-\d):)?:/y;
const BARE_URL = /https?:\/\/[^\s<>|`"']*[^\s<>|`"'.,;:!?)\]*_~]/y;
const WORD = /[\p{L}\p{N}]/u;

/** `&amp;`, `&lt;` and `&gt;` read back; Slack knows no other entities. */
export const decode = (text) => text.replace(/&(?:amp|lt|gt);/g, (entity) => ENTITIES[entity]);

/** Text -> blocks: `{type: "pre" | "quote" | "list" | "lines", …}`. */
export function parse(text) {
  const parts = text.split("```");
  // An opening fence without an end is no fence.
  if (parts.length % 2 === 0) parts.push(parts.splice(-2).join("```"));
  return parts.flatMap((part, index) => (index % 2 ? [preformatted(part)] : parseLines(part, index, parts.length)));
}

const preformatted = (text) => ({ type: "pre", text: decode(text.replace(/^\n|\n$/g, "")) });

function parseLines(text, index, count) {
  let body = text;
  // The line break beside a fence belongs to the fence.
  if (index > 0) body = body.replace(/^\n/, "");
  if (index < count - 1) body = body.replace(/\n$/, "");
  if (body === "") return [];
  return grouped(body.split("\n").map(classified)).map(build);
}

const LINE_KINDS = [
  ["quote", /^(?:&gt;|>) ?(.*)$/],
  ["bullet", /^(\s*)[•◦▪-] +(.+)$/],
  ["ordered", /^(\s*)(\d{1,3})[.)] +(.+)$/],
];

function classified(line) {
  for (const [kind, pattern] of LINE_KINDS) {
    const match = pattern.exec(line);
    if (match) return { kind, match };
  }
  return { kind: "lines", match: [line, line] };
}

function grouped(lines) {
  const groups = [];
  for (const line of lines) {
    if (groups.at(-1)?.kind === line.kind) groups.at(-1).matches.push(line.match);
    else groups.push({ kind: line.kind, matches: [line.match] });
  }
  return groups;
}

const BUILD = {
  lines: (matches) => ({ type: "lines", children: inline(matches.map((match) => match[1]).join("\n")) }),
  quote: (matches) => ({ type: "quote", children: inline(matches.map((match) => match[1]).join("\n")) }),
  bullet: (matches) => ({
    type: "list",
    ordered: false,
    items: matches.map(([, space, body]) => ({ indent: depth(space), children: inline(body) })),
  }),
  ordered: (matches) => ({
    type: "list",
    ordered: true,
    items: matches.map(([, space, number, body]) => ({
      indent: depth(space),
      number: Number(number),
      children: inline(body),
    })),
  }),
};

const build = (group) => BUILD[group.kind](group.matches);
const depth = (space) => Math.min(5, Math.floor(space.replaceAll("\t", "    ").length / 2));

/** One run of text -> nodes; `open` names the marks already around it, which do not nest in themselves. */
function inline(text, open = "") {
  const nodes = [];
  let plain = "";
  let at = 0;
  while (at < text.length) {
    const found = READERS[text[at]]?.(text, at, open);
    if (found) {
      if (plain) nodes.push({ type: "text", text: decode(plain) });
      plain = "";
      nodes.push(found.node);
      at = found.end;
    } else plain += text[at++];
  }
  if (plain) nodes.push({ type: "text", text: decode(plain) });
  return nodes;
}

const READERS = {
  "`": readCode,
  "<": readToken,
  "*": readMarked,
  _: readMarked,
  "~": readMarked,
  ":": readEmoji,
  h: readBareUrl,
  "\n": (_, at) => ({ node: { type: "break" }, end: at + 1 }),
};

function readCode(text, at) {
  const end = text.indexOf("`", at + 1);
  const body = text.slice(at + 1, end);
  if (end <= at + 1 || body.includes("\n")) return null;
  return { node: { type: "code", text: decode(body) }, end: end + 1 };
}

function readMarked(text, at, open) {
  const marker = text[at];
  if (open.includes(marker) || WORD.test(text[at - 1] ?? "")) return null;
  const end = closing(text, at + 1, marker);
  if (end < 0) return null;
  const children = inline(text.slice(at + 1, end), open + marker);
  return { node: { type: MARKERS[marker], children }, end: end + 1 };
}

/** Where the mark ends: on the same line, after a sign, before no word; code and tokens are stepped over. */
function closing(text, from, marker) {
  if (/[\s]/.test(text[from] ?? " ") || text[from] === marker) return -1;
  for (let at = from; at < text.length && text[at] !== "\n"; at++) {
    if (text[at] === marker && !/\s/.test(text[at - 1]) && !WORD.test(text[at + 1] ?? "")) return at;
    const partner = { "`": "`", "<": ">" }[text[at]];
    const end = partner ? text.indexOf(partner, at + 1) : -1;
    if (end > 0 && !text.slice(at, end).includes("\n")) at = end;
  }
  return -1;
}

function readEmoji(text, at) {
  EMOJI.lastIndex = at;
  const match = EMOJI.exec(text);
  if (!match || WORD.test(text[at - 1] ?? "")) return null;
  return { node: { type: "emoji", name: match[1] }, end: EMOJI.lastIndex };
}

function readBareUrl(text, at) {
  BARE_URL.lastIndex = at;
  const match = BARE_URL.exec(text);
  if (!match || WORD.test(text[at - 1] ?? "")) return null;
  const url = decode(match[0]);
  return { node: { type: "link", url, children: [{ type: "text", text: url }] }, end: BARE_URL.lastIndex };
}

function readToken(text, at) {
  const end = text.indexOf(">", at + 1);
  const body = text.slice(at + 1, end);
  if (end < 0 || body === "" || body.includes("<")) return null;
  const node = token(body);
  return node && { node, end: end + 1 };
}

function token(body) {
  const bar = body.indexOf("|");
  const target = bar < 0 ? body : body.slice(0, bar);
  const label = bar < 0 ? null : decode(body.slice(bar + 1));
  if (/^@[UW]\w+$/.test(target)) return { type: "user", id: target.slice(1), label };
  if (/^#[CG]\w+$/.test(target)) return { type: "channel", id: target.slice(1), label };
  if (target.startsWith("!")) return special(target.slice(1), label);
  if (!/^[a-z][a-z+.-]*:\S+$/i.test(target)) return null;
  const url = decode(target);
  return { type: "link", url, children: label === null ? [{ type: "text", text: url }] : inline(body.slice(bar + 1)) };
}

function special(body, label) {
  if (/^(here|channel|everyone)$/.test(body)) return { type: "broadcast", range: body };
  const group = /^subteam\^(\w+)$/.exec(body);
  if (group) return { type: "usergroup", id: group[1], label };
  const date = /^date\^(-?\d+)\^([^^]*)(?:\^(.+))?$/.exec(body);
  if (!date) return label === null ? null : { type: "text", text: label };
  const [, unix, template, url] = date;
  return { type: "date", unix: Number(unix), template: decode(template), url: url && decode(url), fallback: label ?? "" };
}
