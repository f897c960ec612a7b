/** What a deployment is and how it stands: title, state, steps, traffic, and what may be decided now. */

import { deeds } from "./deployment_deeds.js";
import { h, state } from "./dom.js";
import { split } from "./split.js";
import { link, stateOf, stepLine, title } from "./steps.js";
import { span, when } from "./time.js";
import { answered, person } from "./words.js";

function progress({ deployment: one, kept_until: kept }) {
  const took = one.ended_at && one.started_at ? (new Date(one.ended_at) - new Date(one.started_at)) / 1000 : null;
  return [
    one.state === "planned" && one.plan.expires_at ? when(one.plan.expires_at, "left", "expired") : null,
    one.state === "running" && one.until ? when(one.until, "left", "checking the gates") : null,
    one.state === "promoting" && kept ? h("span", null, `${one.previous} is kept, `, when(kept, "left", "its time is over")) : null,
    took === null ? null : h("span", null, took >= 1 ? `took ${span(took)}` : "took less than a second"),
    one.previous && answered(one) ? h("span", null, answered(one)) : null,
  ].filter(Boolean);
}

function remarks({ deployment: one, held, overrides, warnings }) {
  return [
    one.reason ? h("p", null, one.reason) : null,
    held ? h("p", null, state("warning", `Waits: ${held}`)) : null,
    one.trouble ? h("p", null, state("warning", `Trying again: ${one.trouble}`), " ", one.trouble_since ? when(one.trouble_since, "since") : null) : null,
    overrides.map((each) => h("p", null, state("warning", `Overridden by ${person(each.by)}: ${each.what} Reason: ${each.reason}`))),
    warnings.map((each) => h("p", null, state("warning", each))),
  ].flat().filter(Boolean);
}

function traffic(one) {
  if (!one.started_at) return null;
  const shares = [{ version: one.previous, weight: 100 - one.weight }, { version: one.version, weight: one.weight }];
  const real = shares.filter((share) => share.version && share.weight);
  return real.length ? h("div", { class: "flight-split" }, split(real)) : null;
}

function figures(one) {
  return one.figures.length ? h("dl", { class: "figures" }, one.figures.map((each) => h("div", null, h("dt", null, each.name), h("dd", null, each.value)))) : null;
}

class Deployment extends HTMLElement {
  connectedCallback() {
    this.head = h("div", { class: "sheet-head" });
    this.body = h("div");
    this.deeds = deeds();
    this.append(h("section", { id: "deployment", class: "card sheet", tabindex: "-1", "aria-labelledby": "deployment-title" }, this.head, this.deeds.node, this.body));
  }

  show(page) {
    const { deployment: one, kept_until: kept, held, overrides, warnings } = page;
    this.deeds.show(page);
    const print = JSON.stringify([one, kept, held, overrides, warnings, page.people]);
    if (print === this.print) return;
    this.print = print;
    this.head.replaceChildren(
      h("h1", { id: "deployment-title" }, title(one, true)),
      stateOf(one),
      h("span", { class: "flight-by soft" }, `${person(one.requested_by)} · `, when(one.requested_at), " · ", link(one.id)));
    this.body.replaceChildren(
      h("div", { class: "remarks" }, remarks(page)),
      h("div", { class: "flight-body" },
        h("div", { class: "flight-line" }, stepLine(one), h("p", { class: "flight-progress soft" }, progress(page))), traffic(one) ?? ""),
      figures(one) ?? "");
  }
}

customElements.define("ph-deployment", Deployment);
