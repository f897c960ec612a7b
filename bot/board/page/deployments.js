/** Deployments in flight: the steps as a line, the weight, the gates with their verdicts. */

import { facts, h, icon, keyed, nothing, section, setEmpty, state, typed } from "./dom.js";
import { split } from "./split.js";
import { address, history, link, stateOf, stepLine, title } from "./steps.js";
import { when } from "./time.js";
import { answered, code, count, number, person, plural, VERDICT } from "./words.js";

function progress(one) {
  const parts = [];
  if (one.state === "planned") parts.push(one.plan.expires_at ? when(one.plan.expires_at, "left", "expired") : null);
  if (one.state === "running" && one.until) parts.push(when(one.until, "left", "checking the gates"));
  if (one.previous && answered(one)) parts.push(h("span", null, answered(one)));
  return parts.filter(Boolean);
}

function gates(one) {
  const known = new Map(one.measurements.map((each) => [each.gate, each]));
  const names = one.plan.gates.map((gate) => gate.name);
  if (!names.length) return null;
  if (!known.size) return h("p", { class: "gate-names soft" }, `Gates: ${names.join(", ")}`);
  const cells = names.map((name) => gateRow(name, known.get(name)));
  const head = ["Gate", "Verdict", "Value", "Needs", "n"].map((word, at) => h("th", { scope: "col", class: at > 1 ? "is-number" : null }, word));
  return h("table", { class: "gates" }, h("thead", null, h("tr", null, head)), h("tbody", null, cells));
}

function gateRow(name, one) {
  if (!one) return h("tr", null, h("th", { scope: "row" }, name), h("td", { class: "soft", colspan: "4" }, "not measured yet"));
  const [tone, word] = VERDICT[one.verdict];
  const value = ["query", "comparison"].includes(one.kind) && !(one.value === null && one.note) ? number(one.value, one.unit) : one.note || "–";
  return h("tr", { title: one.query || null }, h("th", { scope: "row" }, name), h("td", null, state(tone, word)),
    h("td", { class: "is-number" }, value), h("td", { class: "is-number soft" }, one.threshold || "–"),
    h("td", { class: "is-number soft" }, one.samples === null ? "–" : count(one.samples)));
}

function decisions(one) {
  return one.decisions.map((each) => h("div", null, `${each.approved ? "Approved" : "Rejected"} by ${person(each.person)}`,
    each.step === null ? "" : `, step ${each.step + 1}`, " ", when(each.at)));
}

/** What a deployment's row shows when it is opened. */
export function detail(one) {
  return [
    facts([
      ["Reason", one.reason],
      ["Plan", `${one.plan.strategy}, ${one.plan.steps.map((step) => `${step.weight} %`).join(" → ")}`],
      ["Replaces", one.previous ? code(one.previous) : "nothing"],
      ["Digest", code(one.plan.digest.replace("sha256:", "").slice(0, 12))],
      ["Decisions", decisions(one)],
      ...one.figures.map((figure) => [figure.name, figure.value]),
      ["Page", link(one.id)],
    ]),
    history(one.history),
  ];
}

function card(one) {
  const shares = one.started_at ? [{ version: one.previous, weight: 100 - one.weight }, { version: one.version, weight: one.weight }] : [];
  const traffic = shares.filter((share) => share.version && share.weight);
  return h("li", { class: "flight" },
    h("div", { class: "flight-head" }, h("a", { class: "flight-title", href: address(one.id) }, title(one)), stateOf(one),
      h("span", { class: "flight-by soft" }, `${person(one.requested_by)} · `, when(one.requested_at))),
    one.reason ? h("p", { class: "flight-reason" }, one.reason) : null,
    one.trouble ? h("p", { class: "flight-reason" }, state("warning", `Trying again: ${one.trouble}`)) : null,
    h("div", { class: "flight-body" },
      h("div", { class: "flight-line" }, stepLine(one), h("p", { class: "flight-progress soft" }, progress(one))),
      traffic.length ? h("div", { class: "flight-split" }, split(traffic)) : null),
    gates(one),
    h("details", { class: "flight-more" }, h("summary", { data: { row: "" } }, icon("chevron"), "Plan, decisions, history"), h("div", { class: "more" }, detail(one))));
}

class Deployments extends HTMLElement {
  connectedCallback() {
    this.list = h("ul", { class: "flights" });
    this.none = nothing("None.", typed("/ops deploy"), " in chat starts one; it is followed here step by step.");
    this.append(section("deployments", "Deployments in flight", null, h("div", { class: "card" }, this.list, this.none)));
  }

  show(board) {
    keyed(this.list, board.deployments, (one) => one.id, card);
    setEmpty(this, !board.deployments.length);
  }
}

customElements.define("ph-deployments", Deployments);
