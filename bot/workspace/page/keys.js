/** The keyboard: a table of keys, what each does, and the list that `?` shows. */

import { h, iconButton } from "./dom.js";
import { go } from "./routes.js";

const HELP = [
  [["/"], "Write: go to the composer"],
  [["j", "k"], "Next message, message before"],
  [["Enter"], "Open the thread of the message"],
  [["Esc"], "Close the menu, dialog or thread"],
  [["Alt", "↓"], "Next channel"],
  [["Alt", "↑"], "Channel before"],
  [["↑"], "In the composer: what you sent before"],
  [["Tab"], "In the composer: take the suggestion"],
  [["Shift", "Enter"], "In the composer: new line"],
  [["?"], "This list"],
];

/** The list of keys, in a dialog. */
export function showKeys() {
  const rows = HELP.map(([keys, text]) => h("div", { class: "key-row" },
    h("dt", null, keys.map((key) => h("kbd", null, key))), h("dd", null, text)));
  const dialog = h("dialog", { class: "dialog dialog-small", "aria-label": "Keyboard" });
  dialog.append(
    h("header", { class: "dialog-head" }, h("h2", null, "Keyboard"), iconButton("close", "Close", () => dialog.close())),
    h("dl", { class: "dialog-body keys" }, rows));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

const isTyping = (node) => node.matches?.("input, textarea, select, [contenteditable]");

/** The pane with the focus, else the thread when it is open on a narrow page, else the conversation. */
function pane() {
  const inThread = document.activeElement?.closest("ws-thread");
  const thread = document.querySelector("ws-thread");
  const alone = getComputedStyle(document.querySelector("ws-conversation")).display === "none";
  return inThread ?? (alone && !thread.hidden ? thread : document.querySelector("ws-conversation"));
}

function move(by) {
  const rows = [...pane().querySelectorAll(".message")];
  const at = rows.indexOf(document.activeElement?.closest(".message"));
  const next = at < 0 ? (by < 0 ? rows.length - 1 : firstInSight(rows)) : at + by;
  const row = rows[Math.max(0, Math.min(rows.length - 1, next))];
  row?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
}

function firstInSight(rows) {
  const { top } = pane().querySelector(".scroller").getBoundingClientRect();
  return rows.findIndex((row) => row.getBoundingClientRect().top >= top);
}

function nextPlace(by) {
  const places = [...document.querySelectorAll("ws-sidebar .place")];
  const at = places.findIndex((place) => place.getAttribute("aria-current"));
  places[(at + by + places.length) % places.length]?.click();
}

function leave(store) {
  const { user, place, thread } = store.state.route;
  if (!thread) return document.activeElement?.blur();
  go({ user, place });
}

/** Listen for keys on the whole page; dialogs and menus keep theirs to themselves. */
export function listenForKeys(store) {
  const plainKeys = {
    "/": () => pane().querySelector("textarea")?.focus(),
    j: () => move(1),
    k: () => move(-1),
    "?": showKeys,
  };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") return leave(store);
    const step = event.altKey && { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const run = step ? () => nextPlace(step) : plainKey(event, plainKeys);
    if (!run) return;
    event.preventDefault();
    run();
  });
}

function plainKey(event, keys) {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return null;
  return Object.hasOwn(keys, event.key) ? keys[event.key] : null;
}
