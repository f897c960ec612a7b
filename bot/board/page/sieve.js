/** The filter of the alerts page: matchers or words, which states, and what is wrong with what was typed. */

import { h } from "./dom.js";
import { count } from "./words.js";

const PAUSE = 200; // milliseconds after a key before the filter is asked for
const MATCHER = /[=~!{}]/;

/** What was typed as a query: matchers when it has one of their signs, else words. */
export function query(text) {
  const asked = text.trim();
  if (!asked) return {};
  return MATCHER.test(asked) ? { filter: asked } : { q: asked };
}

class Sieve extends HTMLElement {
  connectedCallback() {
    this.input = h("input", {
      type: "search", class: "filter", "aria-label": "Filter by matchers or words", "aria-keyshortcuts": "/", "aria-describedby": "filter-said",
      placeholder: 'severity="critical" or a word', autocomplete: "off", autocapitalize: "none", spellcheck: "false", on: { input: () => this.soon() },
    });
    this.input.value = new URLSearchParams(location.search).get("q") ?? "";
    this.choices = h("div", { class: "choices", role: "group", "aria-label": "Which ones" });
    this.said = h("p", { class: "filter-said", id: "filter-said", role: "alert", hidden: true });
    this.append(h("div", { class: "sieve" }, this.choices, this.input), this.said);
  }

  get text() { return this.input.value; }

  soon() {
    clearTimeout(this.wait);
    this.wait = setTimeout(() => this.dispatchEvent(new Event("sift")), PAUSE);
  }

  /** The choices of this view as [name, word, number or null], `chosen` pressed. */
  offer(choices, chosen) {
    const print = JSON.stringify([choices, chosen]);
    if (print === this.print) return;
    this.print = print;
    const focused = [...this.choices.children].indexOf(document.activeElement);
    this.choices.hidden = !choices.length;
    this.choices.replaceChildren(...choices.map(([name, word, number]) => h("button", {
      type: "button", class: "choice", "aria-pressed": String(name === chosen),
      on: { click: () => this.dispatchEvent(new CustomEvent("choose", { detail: name })) },
    }, word, number === null ? null : h("span", { class: "count" }, count(number)))));
    this.choices.children[focused]?.focus();
  }

  /** Show what is wrong, with the place below the words when it is known; null takes it away. */
  complain(error) {
    this.said.hidden = !error;
    this.input.setAttribute("aria-invalid", String(Boolean(error)));
    if (!error) return;
    const at = Number(/^column (\d+): /.exec(error.message)?.[1] ?? 0);
    const reason = error.message.replace(/^column \d+: /, "");
    const place = at ? h("code", { class: "filter-place" }, this.text.slice(0, at - 1), h("mark", null, this.text.slice(at - 1) || "…")) : null;
    this.said.replaceChildren(...[place, h("span", null, reason.charAt(0).toUpperCase() + reason.slice(1)), h("span", { class: "soft" }, ` ${error.remedy ?? ""}`)].filter(Boolean));
  }
}

customElements.define("ph-sieve", Sieve);
