/** Menus, pickers and questions that open above the page, and close with Escape or a click elsewhere. */

import { freshId, h, icon, safeUrl } from "./dom.js";
import { plain, textObject } from "./prose.js";

const GAP = 4;
let openPopup = null;

/** The popup that is open now closes. */
export function closePopup() {
  openPopup?.close();
}

/** Place the open popup anew, after its content has changed. */
export function replacePopup() {
  openPopup?.place();
}

/** Places `panel` beside `anchor`, above everything; returns `close`. */
export function popup(anchor, panel, { onClose = () => {}, wide = false } = {}) {
  closePopup();
  // What lies outside an open dialog cannot be reached, so a popup of a dialog lives inside it.
  const home = anchor.closest("dialog") ?? document.body;
  panel.classList.add("popup");
  home.append(panel);
  place(panel, anchor, wide);
  anchor.setAttribute("aria-expanded", "true");
  const leave = new AbortController();
  const close = () => {
    if (openPopup?.panel !== panel) return;
    openPopup = null;
    leave.abort();
    panel.remove();
    anchor.setAttribute("aria-expanded", "false");
    onClose();
  };
  openPopup = { panel, close, place: () => place(panel, anchor, wide) };
  listen(panel, anchor, close, leave.signal);
  return close;
}

function listen(panel, anchor, close, signal) {
  const outside = (event) => !panel.contains(event.target) && !anchor.contains(event.target);
  document.addEventListener("pointerdown", (event) => outside(event) && close(), { signal, capture: true });
  window.addEventListener("resize", close, { signal });
  const scrolled = (event) => !panel.contains(event.target) && anchor.isConnected && replacePopup();
  document.addEventListener("scroll", scrolled, { signal, capture: true, passive: true });
  const escape = (event) => {
    if (event.key !== "Escape" && event.key !== "Tab") return;
    if (event.key === "Escape") event.preventDefault();
    event.stopPropagation();
    close();
    anchor.focus();
  };
  panel.addEventListener("keydown", escape, { signal });
  anchor.addEventListener("keydown", escape, { signal });
}

function place(panel, anchor, wide) {
  const box = anchor.getBoundingClientRect();
  if (wide) panel.style.setProperty("min-width", `${Math.min(box.width, innerWidth - 16)}px`);
  const size = panel.getBoundingClientRect();
  const below = box.bottom + GAP + size.height <= innerHeight || box.top < size.height + GAP;
  const top = below ? box.bottom + GAP : box.top - GAP - size.height;
  const left = Math.max(8, Math.min(box.left, innerWidth - size.width - 8));
  panel.style.setProperty("left", `${left}px`);
  panel.style.setProperty("top", `${Math.max(8, Math.min(top, innerHeight - size.height - 8))}px`);
}

/** Moves the focus among the items of a menu with the arrow keys, Home and End. */
function roam(event, items) {
  const at = items.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  items[(next + items.length) % items.length].focus();
}

/** A menu of `{label, note, lead, href, checked, run}` items; an item with `href` is a link. */
export function menu(anchor, label, items, { onClose } = {}) {
  const nodes = items.map(menuItem);
  const panel = h("div", { class: "menu", role: "menu", "aria-label": label }, nodes);
  panel.addEventListener("keydown", (event) => roam(event, nodes));
  const close = popup(anchor, panel, { onClose });
  panel.addEventListener("click", (event) => event.target.closest("[role^=menuitem]") && close());
  (nodes.find((node) => node.getAttribute("aria-checked") === "true") ?? nodes[0])?.focus();
}

function menuItem({ label, note, lead, href, checked, run, external }) {
  const role = checked === undefined ? "menuitem" : "menuitemradio";
  const text = h("span", { class: "menu-text" }, label, note && h("small", null, note));
  const inside = [lead, text, checked && icon("check")];
  const props = { class: "menu-item", role, "aria-checked": checked === undefined ? null : String(checked), tabindex: "-1" };
  const away = external && { target: "_blank", rel: "noopener noreferrer" };
  if (href) return h("a", { ...props, ...away, href, on: { click: () => run?.() } }, inside);
  return h("button", { ...props, type: "button", on: { click: () => run?.() } }, inside);
}

/** An overflow menu's options as items; an option with an address is also a link. */
export function overflowItems(options, choose) {
  return options.map((option) => ({
    label: plain(option.text),
    note: option.description && plain(option.description),
    href: option.url ? safeUrl(option.url) : null,
    external: true,
    run: () => choose(option),
  }));
}

/** Ask a Block Kit confirmation; resolves to whether the person agreed. */
export function confirmed(object, names) {
  if (!object) return Promise.resolve(true);
  const title = freshId("confirm");
  const style = object.style === "danger" ? "button button-danger" : "button button-primary";
  const dialog = h("dialog", { class: "dialog dialog-small", "aria-labelledby": title });
  const answer = (look, label, value) =>
    h("button", { type: "button", class: look, on: { click: () => dialog.close(value) } }, label);
  dialog.append(
    h("header", { class: "dialog-head" }, h("h2", { id: title }, plain(object.title))),
    h("div", { class: "dialog-body" }, textObject(object.text, names)),
    h("footer", { class: "dialog-foot" },
      answer("button", plain(object.deny) || "Cancel", "no"),
      answer(style, plain(object.confirm) || "Yes", "yes")));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}
