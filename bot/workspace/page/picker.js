/** A select as Slack draws it: a field that opens a list with a filter; one choice or several. */

import { freshId, h, icon } from "./dom.js";
import { popup, replacePopup } from "./popup.js";
import { plain } from "./prose.js";

const FILTER_FROM = 7;
const TYPING_PAUSE = 150;

/**
 * `load(query)` gives groups `[{label, options: [{key, label, note, value}]}]`, now or later; `chosen()`
 * gives the present options; `choose(options)` takes the new ones, `done()` hears the end of choosing.
 */
export class Picker {
  #open = null;

  constructor({ label, placeholder, multi = false, most = Infinity, remote = false, minQuery = 0, props = {}, load, chosen, choose, done }) {
    Object.assign(this, { label, placeholder, multi, most, remote, minQuery, load, chosen, choose, done });
    this.value = h("span", { class: "picker-value" });
    this.field = h("button", {
      type: "button",
      class: "picker",
      "aria-haspopup": "listbox",
      "aria-expanded": "false",
      "aria-label": label,
      on: { click: () => (this.#open ? this.#open.close() : this.open()) },
      ...props,
    }, this.value, icon("down"));
    this.show();
  }

  show() {
    const chosen = this.chosen();
    const labels = chosen.map((option) => option.label);
    this.value.classList.toggle("is-placeholder", labels.length === 0);
    if (labels.length === 0) this.value.replaceChildren(this.placeholder);
    else if (this.multi) this.value.replaceChildren(...labels.map((text) => h("span", { class: "chip" }, text)));
    else this.value.replaceChildren(labels[0]);
    this.field.setAttribute("aria-label", `${this.label}: ${labels.join(", ") || this.placeholder}`);
  }

  open() {
    const list = h("div", { class: "options", role: "listbox", id: freshId("options"), "aria-label": this.label, "aria-multiselectable": String(this.multi) });
    const filter = h("input", {
      class: "input filter",
      type: "text",
      placeholder: this.remote ? "Type to search" : "Filter",
      "aria-label": `Filter ${this.label}`,
      role: "combobox",
      "aria-expanded": "true",
      "aria-controls": list.id,
      autocomplete: "off",
    });
    const panel = h("div", { class: "picker-panel" }, filter, list);
    const close = popup(this.field, panel, { wide: true, onClose: () => this.#closed() });
    this.#open = { list, filter, close, at: -1, turn: 0 };
    panel.addEventListener("keydown", (event) => this.#key(event));
    filter.addEventListener("input", () => this.#typed());
    filter.focus();
    this.#fill();
  }

  /** Several choices are told once, when the list closes. */
  #closed() {
    const { changed } = this.#open;
    this.#open = null;
    if (changed) this.done();
  }

  #typed() {
    this.#open.at = -1;
    clearTimeout(this.#open.timer);
    this.#open.timer = setTimeout(() => this.#open && this.#fill(), this.remote ? TYPING_PAUSE : 0);
  }

  async #fill() {
    const open = this.#open;
    const query = open.filter.value.trim();
    const turn = ++open.turn;
    if (query.length < this.minQuery) return this.#say(`Type at least ${this.minQuery} characters.`);
    if (this.remote) this.#say("Searching…");
    const groups = await this.#loaded(query);
    if (this.#open !== open || open.turn !== turn || groups === null) return;
    this.#draw(groups);
  }

  async #loaded(query) {
    try {
      return await this.load(query);
    } catch (error) {
      if (error.name !== "CallFailed") throw error;
      this.#say(error.message);
      return null;
    }
  }

  #say(text) {
    this.#open?.list.replaceChildren(h("p", { class: "options-empty", role: "status" }, text));
  }

  #draw(groups) {
    const { list, filter } = this.#open;
    const total = groups.reduce((sum, group) => sum + group.options.length, 0);
    filter.hidden = !this.remote && total < FILTER_FROM && filter.value === "";
    if (filter.hidden) this.#holdFocus();
    if (total === 0) return this.#say("Nothing matches.");
    const keys = new Set(this.chosen().map((option) => option.key));
    list.replaceChildren(...groups.flatMap((group) => [
      group.label && h("p", { class: "options-group" }, group.label),
      ...group.options.map((option) => this.#option(option, keys.has(option.key))),
    ]).filter(Boolean));
    this.#point(Math.max(0, this.#open.at >= 0 ? this.#open.at : this.#chosenAt()));
    replacePopup();
  }

  #chosenAt() {
    return this.#nodes().findIndex((node) => node.getAttribute("aria-selected") === "true");
  }

  /** Without a filter the list itself takes the keys. */
  #holdFocus() {
    const { list } = this.#open;
    list.tabIndex = -1;
    list.focus();
  }

  #option(option, selected) {
    const node = h("div", { class: "option", role: "option", id: freshId("option"), "aria-selected": String(selected) },
      h("span", { class: "menu-text" }, option.label, option.note && h("small", null, option.note)),
      selected && icon("check"));
    node.addEventListener("click", () => this.#pick(option));
    node.addEventListener("pointermove", () => this.#point(this.#nodes().indexOf(node)));
    return node;
  }

  #nodes() {
    return [...this.#open.list.querySelectorAll(".option")];
  }

  #point(at) {
    const nodes = this.#nodes();
    this.#open.at = (at + nodes.length) % nodes.length;
    nodes.forEach((node, index) => node.classList.toggle("is-pointed", index === this.#open.at));
    const pointed = nodes[this.#open.at];
    pointed?.scrollIntoView({ block: "nearest" });
    for (const holder of [this.#open.filter, this.#open.list]) holder.setAttribute("aria-activedescendant", pointed?.id ?? "");
  }

  #key(event) {
    if (event.isComposing || !this.#open) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.#point(this.#open.at + step);
    else if (event.key === "Enter") this.#nodes()[this.#open.at]?.click();
    else return;
    event.preventDefault();
  }

  #pick(option) {
    if (!this.multi) {
      this.choose([option]);
      this.show();
      this.#open.changed = true;
      this.#open.close();
      return this.field.focus();
    }
    const now = this.chosen();
    const has = now.some((other) => other.key === option.key);
    if (!has && now.length >= this.most) return;
    this.choose(has ? now.filter((other) => other.key !== option.key) : [...now, option]);
    this.show();
    this.#open.changed = true;
    this.#fill();
  }
}

const matches = (label, query) => label.toLowerCase().includes(query.toLowerCase());

/** Block Kit options -> what a picker lists, narrowed to those that hold the query. */
export function optionGroups({ options, option_groups: groups }, query = "") {
  const all = groups ?? [{ options: options ?? [] }];
  return all.map((group) => ({
    label: group.label && plain(group.label),
    options: group.options.map(pickable).filter((option) => matches(option.label, query)),
  })).filter((group) => group.options.length);
}

/** A Block Kit option as a picker shows it. */
export const pickable = (option) => ({
  key: option.value,
  label: plain(option.text),
  note: option.description && plain(option.description),
  value: option,
});
