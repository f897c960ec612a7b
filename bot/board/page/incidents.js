/** Open incidents: what, since when, who has it, what may have caused it. */

import { facts, h, keyed, nothing, row, section, setEmpty, state, typed } from "./dom.js";
import { address, history } from "./steps.js";
import { when } from "./time.js";
import { code, INCIDENT, number, person } from "./words.js";

function holder(one) {
  if (one.acknowledged_by) return `${person(one.acknowledged_by)} has it`;
  return one.on_call ? `Nobody has it; ${person(one.on_call)} is on call` : "Nobody has it";
}

function paging(one) {
  if (one.state !== "open") return null;
  return one.next_page_at ? h("span", { class: "soft" }, "Next page ", when(one.next_page_at, "in", "now")) : null;
}

function taking(one) {
  return one.state === "open" ? h("span", { class: "soft" }, typed(`/ops ack ${one.id}`), " in chat takes it") : null;
}

function suspect(one) {
  return h("span", { class: "suspect" }, h("span", { class: "suspect-label" }, "Suspect"), h("strong", null, one.service), " ", h("a", { href: address(one.deployment) }, code(one.version)),
    " to ", one.environment, ` by ${person(one.person)} `, when(one.at), h("span", { class: "soft" }, one.why ? ` · ${one.why}` : ""));
}

function line(one) {
  const [tone, word] = INCIDENT[one.state] ?? ["muted", one.state];
  return [
    state(tone, word),
    h("span", { class: "incident-title" }, h("strong", null, one.title), one.severity ? h("span", { class: "chip" }, one.severity) : null),
    when(one.opened_at, "since"),
    h("span", { class: "incident-note" }, h("span", null, holder(one)), paging(one), taking(one)),
    one.suspects.length ? suspect(one.suspects[0]) : null,
  ];
}

function alertLine(one) {
  const labels = Object.entries(one.labels).filter(([name]) => name !== "alertname").map(([name, value]) => code(`${name}=${value}`));
  return h("li", null, state(one.ended_at ? "good" : "bad", one.ended_at ? "Ended" : "Firing"), h("strong", null, one.name), " ", number(one.value), " ", labels);
}

function told(one) {
  return one.pages.map((page) => h("div", null, person(page.person),
    page.delivered_at ? [" was told ", when(page.delivered_at)] : page.error ? ` could not be told: ${page.error}` : page.withdrawn ? " did not need to be told" : " is being told"));
}

function more(one) {
  return [
    facts([
      ["Where", [one.service, one.environment].filter(Boolean).join(" in ")],
      ["Suspects", one.suspects.slice(1).map((each) => h("div", null, suspect(each)))],
      ["Told", told(one)],
      ["Channel", one.channel ? `#${one.channel}` : ""],
      ["Id", code(one.id)],
    ]),
    h("ul", { class: "alert-list" }, one.alerts.map(alertLine)),
    history(one.history),
  ];
}

class Incidents extends HTMLElement {
  connectedCallback() {
    this.list = h("ul", { class: "rows" });
    this.none = nothing("None open.", "One opens when an alert fires; whoever is on call is told in chat.");
    this.append(section("incidents", "Incidents", null, h("div", { class: "card" }, this.list, this.none)));
  }

  show(board) {
    keyed(this.list, board.incidents, (one) => one.id, (one) => row("incident", line(one), more(one)));
    setEmpty(this, !board.incidents.length);
  }
}

customElements.define("ph-incidents", Incidents);
