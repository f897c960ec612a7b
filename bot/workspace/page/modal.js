/** Modals: a stack of views, of which the top one is shown; what was typed in each is kept. */

import { drawBlocks } from "./blocks.js";
import { freshId, h, icon, iconButton, keepingFocus } from "./dom.js";
import { Form, faultsOf } from "./form.js";
import { namesIn } from "./people.js";
import { deliveryFault, settle } from "./presses.js";
import { plain } from "./prose.js";

const PATIENCE = 3000;

class Modal extends HTMLElement {
  #forms = new Map();
  #errors = {};
  #shown = null;

  connect({ store, session }) {
    this.store = store;
    this.session = session;
    this.heading = h("h2", { id: freshId("modal") });
    this.lead = h("span", { class: "modal-back" });
    this.body = h("div", { class: "dialog-body" });
    this.note = h("p", { class: "dialog-note", role: "alert", hidden: true });
    this.foot = h("footer", { class: "dialog-foot" });
    const close = iconButton("close", "Close", () => this.#leaveAll());
    this.form = h("form", { novalidate: true }, h("header", { class: "dialog-head" }, this.lead, this.heading, close), this.body, this.note, this.foot);
    this.dialog = h("dialog", { class: "dialog", "aria-labelledby": this.heading.id }, this.form);
    this.append(this.dialog);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#leave();
    });
    // A browser closes a dialog without asking when Escape is pressed twice in a row.
    this.dialog.addEventListener("close", () => this.#leave());
    this.dialog.addEventListener("keydown", (event) => this.#key(event));
    store.follow((state) => this.#update(state));
  }

  #key(event) {
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) this.form.requestSubmit();
    // Escape reaches the dialog through its cancel event; the page's own keys rest while it is open.
    event.stopPropagation();
  }

  #update(state) {
    const view = state.views.at(-1) ?? null;
    this.#forget(state.views);
    if (view === this.#shown) return;
    const fresh = view?.id !== this.#shown?.id;
    this.#shown = view;
    if (view === null) return this.dialog.close();
    if (fresh) this.#errors = {};
    this.#say(null);
    this.#draw(view, state, fresh);
  }

  #forget(views) {
    const open = new Set(views.map((view) => view.id));
    for (const id of this.#forms.keys()) if (!open.has(id)) this.#forms.delete(id);
  }

  #formOf(view) {
    if (!this.#forms.has(view.id)) this.#forms.set(view.id, new Form());
    return this.#forms.get(view.id);
  }

  #appOf(view) {
    const { apps } = this.store.state;
    return apps.find((app) => app.id === view.app_id || (app.bot_id && app.bot_id === view.bot_id)) ?? apps[0] ?? { name: "The app" };
  }

  #draw(view, state, fresh) {
    const scroll = fresh ? 0 : this.body.scrollTop;
    this.heading.textContent = plain(view.title);
    this.lead.replaceChildren(...(state.views.length > 1 ? [iconButton("back", "Back", () => this.#leave())] : []));
    this.foot.replaceChildren(...this.#buttons(view));
    keepingFocus(this.body, () => this.body.replaceChildren(this.#blocks(view, state)));
    if (!this.dialog.open) this.dialog.showModal();
    this.body.scrollTop = scroll;
    if (fresh) this.#focusFirst();
  }

  #blocks(view, state) {
    const form = this.#formOf(view);
    const container = { type: "view", view_id: view.id };
    const place = this.session.place({ container, form, names: namesIn(state), app: this.#appOf(view), key: view.id });
    const content = h("div");
    settle(view.id);
    form.redraw(() => content.append(drawBlocks(view.blocks ?? [], place, this.#errors)));
    return content;
  }

  #buttons(view) {
    const close = h("button", { type: "button", class: "button", on: { click: () => this.#leave() } }, plain(view.close) || "Cancel");
    this.submitButton = view.submit && h("button", { type: "submit", class: "button button-primary", disabled: Boolean(view.submit_disabled) }, h("span", null, plain(view.submit)));
    return [close, this.submitButton].filter(Boolean);
  }

  #focusFirst() {
    const wanted = this.body.querySelector("[data-autofocus]") ?? this.body.querySelector(".field :is(input, textarea, button)");
    (wanted ?? this.submitButton ?? this.foot.querySelector("button"))?.focus();
  }

  #leave() {
    if (this.#shown) this.session.closeView(this.#shown);
  }

  #leaveAll() {
    for (const view of this.store.state.views.toReversed()) this.session.closeView(view);
  }

  async #submit() {
    const view = this.#shown;
    if (!view?.submit || this.submitting) return;
    const faults = faultsOf(view.blocks ?? [], this.#formOf(view));
    if (Object.keys(faults).length) return this.#showErrors(faults);
    this.#wait(true);
    const timer = setTimeout(() => this.#say(`${this.#appOf(view).name} has not answered for 3 seconds. Still waiting.`), PATIENCE);
    const answer = await this.#answer(view);
    clearTimeout(timer);
    this.#wait(false);
    if (answer) this.#take(view, answer);
  }

  async #answer(view) {
    try {
      return await this.session.submitView(view, this.#formOf(view));
    } catch (error) {
      if (error.name !== "CallFailed") throw error;
      this.#say(`${error.message} What you typed is kept.`);
      return null;
    }
  }

  #take(view, answer) {
    const action = answer.response_action;
    if (action === "errors") return this.#showErrors(answer.errors ?? {});
    if (!answer.ok || answer.delivery?.ok === false) {
      const fault = deliveryFault(this.#appOf(view).name, answer.delivery?.error ?? answer.error);
      return this.#say(`${fault} What you typed is kept.`);
    }
    if (action === "clear") this.store.dispatch({ type: "views_cleared" });
    else if (action === "push") this.store.dispatch({ type: "view_push", view: answer.view });
    else if (action === "update") this.#replace(view, answer.view);
    else this.store.dispatch({ type: "view_close", view_id: view.id });
  }

  #replace(view, next) {
    if (!this.store.state.views.some((other) => other.id === view.id)) return;
    this.store.dispatch({ type: "view_update", view: { ...next, id: view.id } });
  }

  #wait(waiting) {
    this.submitting = waiting;
    this.submitButton?.classList.toggle("is-pending", waiting);
    this.submitButton?.setAttribute("aria-busy", String(waiting));
    if (waiting) this.#say(null);
  }

  #showErrors(errors) {
    this.#errors = errors;
    this.#draw(this.#shown, this.store.state, false);
    const known = new Set((this.#shown.blocks ?? []).map((block) => block.block_id));
    const elsewhere = Object.entries(errors).filter(([id]) => !known.has(id)).map(([, text]) => text);
    this.#say(elsewhere.join(" ") || null);
    this.body.querySelector(".has-error :is(input, textarea, button)")?.focus();
    this.#errors = {};
  }

  #say(text) {
    this.note.hidden = !text;
    this.note.replaceChildren(...(text ? [icon("warning"), text] : []));
  }
}

customElements.define("ws-modal", Modal);
