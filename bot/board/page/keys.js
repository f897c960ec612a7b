/** The keyboard: move over every row of the page, open, filter, and the list that `?` shows. */

import { h } from "./dom.js";

const HELP = (filters) => [
  ...(filters ? [[["/"], filters]] : []),
  [["j", "k"], "Next row, row before"],
  [["Enter"], "Open or close the row"],
  [["Esc"], "Close the row, clear the filter"],
  [["t"], "Light, dark or as the system"],
  [["?"], "This list"],
];

/** The list of keys, in a dialog. */
export function showKeys(filters) {
  if (document.querySelector("dialog[open]")) return;
  const rows = HELP(filters).map(([keys, text]) => h("div", null, h("dt", null, keys.map((key) => h("kbd", null, key))), h("dd", null, text)));
  const close = h("button", { type: "button", class: "button", autofocus: true, on: { click: () => dialog.close() } }, "Close");
  const dialog = h("dialog", { "aria-label": "Keyboard" }, h("h2", null, "Keyboard"), h("dl", { class: "keys" }, rows), close);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

const rows = () => [...document.querySelectorAll("[data-row]")].filter((node) => node.checkVisibility());

function move(by) {
  const all = rows();
  const at = all.indexOf(document.activeElement);
  const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, at + by))];
  next?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: "nearest" });
}

function leave(filter) {
  const open = document.activeElement?.closest("details[open]");
  if (filter?.value && document.activeElement === filter) {
    filter.value = "";
    filter.dispatchEvent(new Event("input"));
  } else if (open) {
    open.open = false;
    open.querySelector("summary").focus();
  } else document.activeElement?.blur();
}

/** Listen on the whole page; a dialog keeps its keys to itself. */
export function listen(turnTheme, filters) {
  const filter = document.querySelector(".filter");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") return leave(filter);
    if (event.target.matches("input, textarea, select")) return;
    const act = { "/": () => filter.focus(), j: () => move(1), k: () => move(-1), t: turnTheme, "?": () => showKeys(filters) }[event.key];
    if (!act || (event.key === "/" && !filter)) return;
    event.preventDefault();
    act();
  });
}
