/** Alerts that fire or are about to, with their labels and since when. */

import { facts, h, keyed, nothing, row, section, setEmpty, state } from "./dom.js";
import { when } from "./time.js";
import { ALERT, code, number, plural } from "./words.js";

const FIRST = 20;

const pairs = (one) => Object.entries(one.labels).filter(([name]) => name !== "alertname");

function line(one) {
  const [tone, word] = ALERT[one.state];
  return [
    state(tone, word),
    h("strong", { class: "alert-name" }, one.name),
    h("span", { class: "labels" }, pairs(one).map(([name, value]) => h("span", { class: "label" }, h("span", { class: "soft" }, `${name}=`), value))),
    h("span", { class: "alert-value" }, one.value === null ? "" : number(one.value)), // nobody told one
    when(one.since, "since"),
  ];
}

function more(one) {
  return facts([...Object.entries(one.annotations), ...pairs(one).map(([name, value]) => [name, code(value)])]);
}

class Alerts extends HTMLElement {
  connectedCallback() {
    this.whole = false;
    this.list = h("ul", { class: "rows" });
    this.none = nothing("None.", "A rule whose condition holds appears here as pending, then firing.");
    this.all = h("button", { type: "button", class: "show-all", hidden: true, on: { click: () => { this.whole = true; this.show(this.board); } } });
    const body = section("alerts", "Alerts", null, h("div", { class: "card" }, this.list, this.none, this.all));
    body.querySelector(".section-head").append(h("a", { href: "/alerts", class: "section-link" }, "Groups, silences, rules"));
    this.append(body);
  }

  show(board) {
    this.board = board;
    const shown = this.whole ? board.alerts : board.alerts.slice(0, FIRST);
    keyed(this.list, shown, (one) => JSON.stringify([one.name, one.labels]), (one) => row("alert", line(one), more(one)));
    setEmpty(this, !board.alerts.length);
    this.all.hidden = shown.length === board.alerts.length;
    this.all.textContent = `Show ${plural(board.alerts.length - shown.length, "more alert", "more alerts")}`;
  }
}

customElements.define("ph-alerts", Alerts);
