/**
 * Builds elements from data. Every string becomes a text node, so nothing that a person or an app
 * wrote is ever read as markup.
 */

const PROPERTIES = new Set(["value", "checked", "disabled", "selected", "indeterminate", "htmlFor"]);
const SVG = "http://www.w3.org/2000/svg";

function assign(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "on") {
    for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
  } else if (name === "data") Object.assign(node.dataset, value);
  else if (PROPERTIES.has(name)) node[name] = value;
  else node.setAttribute(name, value === true ? "" : String(value));
}

const present = (child) => child !== null && child !== undefined && child !== false;

/** An element with attributes, `on` listeners, `data` attributes and children (nested lists allowed). */
export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) assign(node, name, value);
  node.append(...children.flat(Infinity).filter(present));
  return node;
}

const ICONS = {
  back: "M10 3 5 8l5 5",
  bolt: "M9 1.5 3.5 9H8l-1 5.5L12.5 7H8z",
  check: "M3 8.5 6.5 12 13 4.5",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M6 6h7.5v7.5H6zM3.5 10h-1V2.5H10v1",
  down: "M4 6.5 8 10.5l4-4",
  hash: "M6.5 2.5 5 13.5M11 2.5 9.5 13.5M3 6h10.5M2.5 10.5H13",
  jump: "M8 3v10M4 9l4 4 4-4",
  keys: "M1.5 4.5h13v7h-13zM4 7h.5M7 7h.5M10 7h.5M5 9.5h6",
  lock: "M4 7.5h8v6H4zM5.5 7V5a2.5 2.5 0 0 1 5 0v2",
  moon: "M13 9.5A5.5 5.5 0 0 1 6.5 3 5.5 5.5 0 1 0 13 9.5z",
  more: "M8 3.5v.01M8 8v.01M8 12.5v.01",
  screen: "M2 3h12v8H2zM6 13.5h4M8 11v2.5",
  send: "M2.5 2.5 14 8 2.5 13.5 4 8.5 9 8 4 7.5z",
  sun: "M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  thread: "M2.5 3h11v7.5H7L4 13.5v-3H2.5z",
  warning: "M8 2 14.5 13.5h-13zM8 6.5v3M8 11.5v.01",
};

/** A line drawing in the colour of the text around it; hidden from screen readers. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon", `icon-${name}`);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button that shows only an icon; its name is read aloud and shown as a title. */
export function iconButton(name, label, onClick, props = {}) {
  const button = { type: "button", class: "icon-button", "aria-label": label, title: label, ...props };
  return h("button", { ...button, on: { click: onClick } }, icon(name));
}

const SAFE_SCHEMES = new Set(["http:", "https:", "mailto:", "tel:", "slack:"]);

/** The address when its scheme may be followed, otherwise null (`javascript:`, `data:`, broken ones). */
export function safeUrl(text) {
  const url = parsed(text);
  return url && SAFE_SCHEMES.has(url.protocol) ? url.href : null;
}

function parsed(text) {
  try {
    return new URL(text);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** A link that opens elsewhere; an address that may not be followed stays plain text. */
export function link(url, ...children) {
  const href = safeUrl(url);
  const shown = children.length ? children : [url];
  if (href === null) return h("span", { class: "refused-link", title: "This link is not followed" }, shown);
  return h("a", { href, target: "_blank", rel: "noopener noreferrer" }, shown);
}

/** Focus what had the same `data-key` before a rewrite, so that the keyboard keeps its place. */
export function keepingFocus(root, rewrite) {
  const active = root.contains(document.activeElement) ? document.activeElement : null;
  const key = active?.dataset?.key;
  rewrite();
  if (active === null || root.contains(active)) return;
  const heir = key ? root.querySelector(`[data-key="${CSS.escape(key)}"]`) : null;
  (heir ?? (root.tabIndex >= -1 && root.hasAttribute("tabindex") ? root : null))?.focus({ preventScroll: true });
}

let serial = 0;

/** An id that no other element of this page has. */
export const freshId = (prefix) => `${prefix}-${++serial}`;
