/**
 * Builds elements from data. Every string becomes a text node, so nothing that a person or a machine
 * wrote is ever read as markup.
 */

const SVG = "http://www.w3.org/2000/svg";

function assign(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "on") {
    for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
  } else if (name === "data") Object.assign(node.dataset, value);
  else node.setAttribute(name, value === true ? "" : String(value));
}

const present = (child) => child !== null && child !== undefined && child !== false && child !== "";

/** An element with attributes, `on` listeners, `data` attributes and children (nested lists allowed). */
export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) assign(node, name, value);
  node.append(...children.flat(Infinity).filter(present));
  return node;
}

/** A drawing's element, with attributes and children. */
export function svg(tag, props, children = []) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) assign(node, name, value);
  node.append(...[children].flat(Infinity).filter(present));
  return node;
}

// A shape for each tone, so that none is told by colour alone.
const SHAPES = {
  good: "M8 3a5 5 0 1 1 0 10A5 5 0 0 1 8 3z",
  busy: "M8 3a5 5 0 1 1 0 10A5 5 0 0 1 8 3zM8 4.6v6.8a3.4 3.4 0 0 0 0-6.8z",
  warning: "M8 2.6 14 13H2z",
  bad: "M8 1.8 14.2 8 8 14.2 1.8 8z",
  muted: "M8 3a5 5 0 1 1 0 10A5 5 0 0 1 8 3zM8 4.6a3.4 3.4 0 1 0 0 6.8 3.4 3.4 0 0 0 0-6.8z",
};
const LINES = {
  sun: "M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  moon: "M13 9.5A5.5 5.5 0 0 1 6.5 3 5.5 5.5 0 1 0 13 9.5z",
  screen: "M2 3h12v8H2zM6 13.5h4M8 11v2.5",
  check: "M3.5 8.5 6.5 11.5 12.5 5",
  chevron: "M6 4l4 4-4 4",
};

function drawing(path, kind) {
  return svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true", class: kind }, svg("path", { d: path, "fill-rule": "evenodd" }));
}

/** The shape and colour of a state; the word stands beside it. */
export const mark = (tone) => drawing(SHAPES[tone], `mark is-${tone}`);

/** A line drawing in the colour of the text around it. */
export const icon = (name) => drawing(LINES[name], "icon");

/** A state as shape and word. */
export const state = (tone, word) => h("span", { class: `state is-${tone}` }, mark(tone), h("span", null, word));

/** A section with its heading, a count, what stands beside it, and its body. */
export function section(id, title, count, ...body) {
  const heading = h("h2", { id: `${id}-title` }, title, count === null ? null : h("span", { class: "count" }, String(count)));
  return h("section", { id, tabindex: "-1", "aria-labelledby": `${id}-title` }, h("div", { class: "section-head" }, heading), body);
}

/** What an empty list says: that it is empty, and what would appear here. */
export const nothing = (word, ...hint) => h("p", { class: "nothing" }, h("span", null, word), " ", h("span", { class: "soft" }, hint));

/** A command or a name of the settings inside a sentence. */
export const typed = (text) => h("code", { class: "typed" }, text);

/** Say of a section that it is empty, or not. */
export function setEmpty(part, empty) {
  part.none.hidden = !empty;
  part.querySelector("section").classList.toggle("is-empty", empty);
}

function keepPlace(old, fresh) {
  if (old.querySelector(":scope > details")?.open) fresh.querySelector(":scope > details")?.setAttribute("open", "");
  return old.contains(document.activeElement);
}

/**
 * Make `list` show `items`, building only those that are new or changed; an open row stays open and the
 * keyboard keeps its place.
 */
export function keyed(list, items, keyOf, build) {
  const known = new Map([...list.children].map((node) => [node.dataset.key, node]));
  const nodes = items.map((item) => {
    const key = String(keyOf(item));
    const print = JSON.stringify(item);
    const old = known.get(key);
    known.delete(key);
    if (old && old.print === print) return old;
    const fresh = build(item);
    fresh.dataset.key = key;
    fresh.print = print;
    if (old) {
      const focused = keepPlace(old, fresh);
      old.replaceWith(fresh);
      if (focused) fresh.querySelector("summary, a, button")?.focus({ preventScroll: true });
    }
    return fresh;
  });
  for (const node of known.values()) node.remove();
  nodes.forEach((node, at) => {
    if (list.children[at] !== node) list.insertBefore(node, list.children[at] ?? null);
  });
}

/** A row that opens: `line` is what is always seen, `more` what Enter shows. */
export function row(kind, line, more) {
  const summary = h("summary", { class: `line ${kind}`, data: { row: "" } }, line);
  return h("li", null, h("details", null, summary, h("div", { class: "more" }, more)));
}

/** Names and values in two columns, without those that are empty. */
export function facts(pairs) {
  const shown = pairs.filter(([, value]) => present(value) && !(Array.isArray(value) && value.length === 0));
  return h("dl", { class: "facts" }, shown.map(([name, value]) => [h("dt", null, name), h("dd", null, value)]));
}
