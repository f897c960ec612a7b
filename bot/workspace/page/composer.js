/** Where one types: grows with the text, completes commands and names, remembers what was sent. */

import { complete } from "./completion.js";
import { freshId, h, icon, iconButton } from "./dom.js";
import { avatar } from "./people.js";
import { menu } from "./popup.js";
import { adopt } from "./presses.js";

const REMEMBERED = 50;
const TALLEST = 240;

/** What was sent from one place, in this tab; the arrow keys walk through it. */
class History {
  #at = 0;

  constructor(key) {
    this.key = `workspace.history.${key}`;
    this.lines = JSON.parse(sessionStorage.getItem(this.key) ?? "[]");
    this.#at = this.lines.length;
  }

  add(line) {
    this.lines = [...this.lines.filter((other) => other !== line), line].slice(-REMEMBERED);
    this.#at = this.lines.length;
    sessionStorage.setItem(this.key, JSON.stringify(this.lines));
  }

  /** The line one step older (-1) or newer (1); empty after the newest, null at the oldest. */
  step(by) {
    const next = this.#at + by;
    if (next < 0 || next > this.lines.length) return null;
    this.#at = next;
    return this.lines[next] ?? "";
  }
}

export class Composer {
  #drafts = new Map();
  #completion = null;
  #pointed = 0;
  #place = null;

  constructor(session) {
    this.session = session;
    this.list = h("div", { class: "completion", role: "listbox", id: freshId("completion"), "aria-label": "Suggestions", hidden: true });
    this.text = h("textarea", {
      class: "composer-text", rows: "1", role: "combobox", spellcheck: "true", autocomplete: "off",
      "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": this.list.id,
    });
    this.note = h("p", { class: "composer-note", role: "status", hidden: true });
    this.bolt = iconButton("bolt", "App shortcuts", () => this.#shortcuts(), { "aria-haspopup": "menu" });
    this.sendButton = iconButton("send", "Send", () => this.#send(), { class: "icon-button send", disabled: true });
    this.node = h("div", { class: "composer" }, this.list,
      h("div", { class: "composer-box" }, this.text,
        h("div", { class: "composer-bar" }, this.bolt,
          h("span", { class: "composer-hint" }, h("kbd", null, "/"), " commands  ", h("kbd", null, "↑"), " history  ", h("kbd", null, "⇧ Enter"), " new line"),
          this.sendButton)),
      this.note);
    this.text.addEventListener("input", () => this.#typed());
    this.text.addEventListener("keydown", (event) => this.#key(event));
    this.text.addEventListener("blur", () => this.#offer(null));
    this.text.addEventListener("click", () => this.#suggest());
  }

  /** Write to another place; what was typed for the former one is kept. */
  aim({ you, channel, thread, label, closed = false }) {
    this.node.hidden = closed;
    const key = [you, channel, thread].filter(Boolean).join("/");
    if (this.#place?.key !== key) {
      if (this.#place) this.#drafts.set(this.#place.key, this.text.value);
      this.#place = { key, channel, thread };
      this.history = new History(key);
      this.#put(this.#drafts.get(key) ?? "");
      this.#say(null);
    }
    this.text.placeholder = label;
    this.text.setAttribute("aria-label", label);
    this.bolt.hidden = this.#globalShortcuts().length === 0 || Boolean(thread);
  }

  focus() {
    this.text.focus({ preventScroll: true });
  }

  #put(text) {
    this.text.value = text;
    this.#grow();
    this.text.setSelectionRange(text.length, text.length);
    this.sendButton.disabled = text.trim() === "";
  }

  #grow() {
    this.text.style.setProperty("height", "auto");
    this.text.style.setProperty("height", `${Math.min(TALLEST, this.text.scrollHeight)}px`);
  }

  #typed() {
    this.#grow();
    this.sendButton.disabled = this.text.value.trim() === "";
    this.#say(null);
    this.#suggest();
  }

  #suggest() {
    this.#pointed = 0;
    this.#offer(complete(this.text.value, this.text.selectionStart, this.session.store.state));
  }

  #offer(completion) {
    this.#completion = completion;
    this.list.hidden = completion === null;
    this.text.setAttribute("aria-expanded", String(completion?.kind === "offers"));
    this.list.replaceChildren(...(completion?.offers ?? []).map((offer, at) => this.#offerNode(offer, at)));
    this.#point(0);
  }

  #offerNode(offer, at) {
    const usage = this.#completion.kind === "usage";
    const lead = offer.owner ? avatar(this.#ownerOf(offer), "small") : icon("hash");
    const node = h("div", { class: usage ? "offer is-usage" : "offer", role: "option", id: freshId("offer") }, lead,
      h("span", { class: "offer-text" }, h("span", null, h("strong", null, offer.label), " ", h("span", { class: "offer-hint" }, offer.hint)),
        offer.detail && h("small", null, offer.detail)));
    node.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      if (!usage) this.#take(at);
    });
    return node;
  }

  #ownerOf({ owner }) {
    return this.session.store.state.users[owner.bot_user ?? owner.id] ?? owner;
  }

  #point(by) {
    const count = this.list.children.length;
    if (count === 0) return this.text.removeAttribute("aria-activedescendant");
    this.#pointed = (this.#pointed + by + count) % count;
    [...this.list.children].forEach((node, at) => {
      const pointed = at === this.#pointed && this.#completion.kind === "offers";
      node.classList.toggle("is-pointed", pointed);
      node.setAttribute("aria-selected", String(pointed));
    });
    const node = this.list.children[this.#pointed];
    node.scrollIntoView({ block: "nearest" });
    this.text.setAttribute("aria-activedescendant", node.id);
  }

  #take(at) {
    const { from, offers } = this.#completion;
    const { value, selectionStart } = this.text;
    const head = value.slice(0, from) + offers[at].insert;
    this.#put(head + value.slice(selectionStart).trimStart());
    this.text.setSelectionRange(head.length, head.length);
    this.#suggest();
  }

  #key(event) {
    if (event.isComposing) return;
    const offering = this.#completion?.kind === "offers" && this.#keyInOffers(event);
    if (offering || (event.key === "Enter" ? this.#keyEnter(event) : this.#keyHistory(event))) event.preventDefault();
    else if (event.key === "Escape" && this.#completion) {
      this.#offer(null);
      event.stopPropagation();
    }
  }

  #keyInOffers(event) {
    if (event.key === "ArrowDown") this.#point(1);
    else if (event.key === "ArrowUp") this.#point(-1);
    else if (event.key === "Tab" && !event.shiftKey) this.#take(this.#pointed);
    else if (event.key === "Enter" && !event.shiftKey && !this.#isComplete()) this.#take(this.#pointed);
    else return false;
    return true;
  }

  /** Enter on a command that is already written out sends it. */
  #isComplete() {
    return this.#completion.offers[this.#pointed].insert.trim() === this.text.value.slice(this.#completion.from).trim();
  }

  #keyEnter(event) {
    if (event.shiftKey) return false;
    this.#send();
    return true;
  }

  #keyHistory(event) {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const { value, selectionStart, selectionEnd } = this.text;
    const edge = by === -1 ? !value.slice(0, selectionStart).includes("\n") : !value.slice(selectionEnd).includes("\n");
    const own = value === "" || this.history.lines.includes(value);
    if (!by || event.shiftKey || !edge || !own) return false;
    const line = this.history.step(by);
    if (line !== null) this.#put(line);
    this.#offer(null);
    return line !== null;
  }

  async #send() {
    const text = this.text.value.trim() && this.text.value.replace(/\s+$/, "");
    if (!text) return;
    const { key, channel, thread } = this.#place;
    this.history.add(text);
    this.#put("");
    this.#offer(null);
    this.node.classList.add("is-sending");
    const fault = await this.session.send(text, channel, thread);
    this.node.classList.remove("is-sending");
    if (fault) this.#refused(key, text, fault);
  }

  #refused(key, text, fault) {
    if (this.#place.key !== key) return this.#drafts.set(key, text);
    if (this.text.value === "") this.#put(text);
    this.#say(fault);
  }

  #say(fault) {
    this.note.hidden = !fault;
    this.note.replaceChildren(...(fault ? [icon("warning"), fault] : []));
  }

  #globalShortcuts() {
    return this.session.store.state.apps.flatMap((app) =>
      (app.shortcuts ?? []).filter((shortcut) => shortcut.type === "global").map((shortcut) => ({ app, shortcut })));
  }

  #shortcuts() {
    const { users } = this.session.store.state;
    menu(this.bolt, "App shortcuts", this.#globalShortcuts().map(({ app, shortcut }) => ({
      label: shortcut.name,
      note: shortcut.description || app.name,
      lead: avatar(users[app.bot_user] ?? app, "small"),
      run: () => this.#run(app, shortcut),
    })));
  }

  #run(app, shortcut) {
    adopt(this.bolt, this.note, `shortcut|${shortcut.callback_id}|`);
    this.session.shortcut(shortcut, app);
  }
}
