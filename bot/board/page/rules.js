/** Every rule and how it does: its state, the last error, when and how long it was evaluated, and its last day. */

import "./day.js";
import { facts, h, keyed, row, state } from "./dom.js";
import { link } from "./alert_groups.js";
import { span, when } from "./time.js";
import { code, count, plural } from "./words.js";

const RULE = { firing: ["bad", "Firing"], pending: ["warning", "Pending"], inactive: ["good", "Inactive"] };

function stateOf(one) {
  if (one.health === "err") return state("warning", "Broken");
  if (one.health === "unknown") return state("muted", "Not yet evaluated");
  return one.kind === "recording" ? state("good", "Recording") : state(...RULE[one.state]);
}

const took = (seconds) => (seconds < 1 ? `${Math.round(seconds * 1000)} ms` : span(seconds));

function numbers(one) {
  const parts = [one.firing ? `${count(one.firing)} firing` : "", one.pending ? `${count(one.pending)} pending` : ""];
  return parts.filter(Boolean).join(", ");
}

function line(one) {
  return [
    stateOf(one),
    h("strong", { class: "alert-name" }, one.name),
    h("code", { class: "rule-expr", title: one.expr }, one.expr),
    h("span", { class: "rule-count" }, numbers(one)),
    h("span", { class: "rule-time soft" }, one.last_evaluation ? [when(one.last_evaluation), ` · ${took(one.evaluation_seconds)}`] : "never"),
    one.last_error ? h("span", { class: "alert-note is-warning" }, one.last_error) : null,
  ];
}

function more(one, days) {
  const lasts = [one.for_seconds ? `for ${span(one.for_seconds)}` : "", one.keep_firing_for_seconds ? `keeps firing for ${span(one.keep_firing_for_seconds)}` : ""].filter(Boolean).join(", ");
  return [
    days.of(one.id),
    facts([
      ["Expression", h("code", { class: "whole-expr" }, one.expr)],
      ["Fires", one.kind === "recording" ? "" : lasts || "at once"],
      ["Last error", one.last_error],
      ["Evaluated", one.last_evaluation ? [when(one.last_evaluation), `, in ${took(one.evaluation_seconds)}`] : "never"],
      ["Failures", one.failures ? `${count(one.failures)} since the start` : ""],
      ["Missed", one.missed ? `${plural(one.missed, "turn", "turns")} since the start` : ""],
      ...Object.entries(one.labels).map(([name, value]) => [name, code(value)]),
      ...Object.entries(one.annotations).map(([name, value]) => [name, link(value)]),
    ]),
    one.link ? h("div", { class: "deeds" }, h("a", { class: "button plain", href: one.link, target: "_blank", rel: "noreferrer" }, "Open the query in Prometheus")) : null,
  ];
}

/** The pictures that are open, kept while their rows are made anew. */
class Days {
  constructor() { this.known = new Map(); }

  of(id) {
    if (!this.known.has(id)) this.known.set(id, h("ph-day", { rule: id }));
    return this.known.get(id);
  }
}

function ruleRow(one, days) {
  const node = row("rule", line(one), more(one, days));
  node.id = one.id;
  return node;
}

class Group {
  constructor() {
    this.head = h("div", { class: "group-head" });
    this.list = h("ul", { class: "rows" });
    this.node = h("section", { class: "group card" }, this.head, this.list);
  }

  show(group, days) {
    const print = JSON.stringify([group.name, group.file, group.interval_seconds, group.limit]);
    if (print !== this.print) {
      this.print = print;
      this.head.replaceChildren(h("h2", { class: "group-title" }, group.name), h("code", { class: "soft" }, group.file),
        h("span", { class: "group-counts soft" }, `every ${span(group.interval_seconds)}${group.limit ? `, at most ${count(group.limit)} alerts` : ""}`));
    }
    keyed(this.list, group.rules, (one) => one.id, (one) => ruleRow(one, days));
  }
}

class Rules extends HTMLElement {
  connectedCallback() {
    this.groups = new Map();
    this.days = new Days();
    this.list = h("div", { class: "groups" });
    this.none = h("p", { class: "nothing card", hidden: true });
    this.rest = h("button", { type: "button", class: "show-all card", hidden: true, on: { click: () => this.dispatchEvent(new Event("more")) } });
    this.append(this.list, this.none, this.rest);
  }

  show(found, { filtered, which }) {
    const kept = new Map();
    found.groups.forEach((group, at) => {
      const key = `${group.file}\0${group.name}`;
      const card = this.groups.get(key) ?? new Group();
      kept.set(key, card);
      card.show(group, this.days);
      if (this.list.children[at] !== card.node) this.list.insertBefore(card.node, this.list.children[at] ?? null);
    });
    for (const [key, card] of this.groups) if (!kept.has(key)) card.node.remove();
    this.groups = kept;
    this.none.hidden = found.groups.length > 0;
    this.none.replaceChildren(...none(filtered, which));
    this.rest.hidden = !found.more;
    this.rest.textContent = `Show ${count(found.more)} more`;
  }
}

function none(filtered, which) {
  if (filtered) return ["No rule fits. ", h("span", { class: "soft" }, "Esc clears the filter.")];
  if (which !== "all") return [which === "broken" ? "Every rule could be evaluated." : `No rule is ${which}.`];
  return ["No rules. ", h("span", { class: "soft" }, "Name rule files under "), code("rules"), h("span", { class: "soft" }, " in pilothouse.yaml; Prometheus' own can be used as they are.")];
}

customElements.define("ph-rules", Rules);
