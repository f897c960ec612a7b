/** Beside a deployment: who agreed, the plan, the instances; and everything that happened. */

import { facts, h, keyed, nothing, section, setEmpty, state } from "./dom.js";
import { stepName } from "./steps.js";
import { span, when } from "./time.js";
import { code, count, INSTANCE, named, person, plural } from "./words.js";

/** A section with a list, or what it says when that is empty. */
class Listed extends HTMLElement {
  build(id, title, list, none) {
    this.list = list;
    this.none = none;
    this.append(section(id, title, null, h("div", { class: "card" }, this.list, this.none)));
  }
}

function needed({ deployment: one, approval_group: group }) {
  const { plan } = one;
  if (!plan.approvals_needed || one.state !== "planned" || one.approved) return null;
  const agreed = one.decisions.filter((each) => each.approved && each.step === null).length;
  const who = plan.four_eyes ? "somebody other than who asked" : "anybody who may approve";
  const left = plan.expires_at ? [", ", when(plan.expires_at, "left", "expired")] : [];
  return { key: "needed", text: h("li", { class: "decision" }, state("warning", `${agreed} of ${plan.approvals_needed} needed`), h("span", { class: "soft" }, `by ${who}${group ? ` in ${group}` : ""}`, left)) };
}

function decision(one, plan) {
  const what = one.step === null ? "" : `step ${one.step + 1}, ${stepName(plan, one.step)}`;
  return h("li", { class: "decision" }, state(one.approved ? "good" : "bad", `${one.approved ? "Approved" : "Rejected"} by ${person(one.person)}`),
    h("span", { class: "soft" }, what, what ? " · " : "", when(one.at)));
}

class Decisions extends Listed {
  connectedCallback() {
    this.build("decisions", "Approvals", h("ul", { class: "decisions" }), nothing("Nobody has to approve."));
  }

  show(page) {
    const { deployment: one } = page;
    const waiting = needed(page);
    const step = one.waiting_step === null ? null : h("li", { class: "decision" }, state("warning", `Step ${one.waiting_step + 1}, ${stepName(one.plan, one.waiting_step)}, waits for approval`));
    const abort = one.abort_asked_by ? h("li", { class: "decision" }, state("warning", `Abort asked for by ${person(one.abort_asked_by)}`)) : null;
    this.list.replaceChildren(...[waiting?.text, step, ...one.decisions.map((each) => decision(each, one.plan)).reverse(), abort].filter(Boolean));
    setEmpty(this, !this.list.children.length);
  }
}

function planned(plan) {
  return h("ol", { class: "plan-steps" }, plan.steps.map((step, at) => h("li", null, stepName(plan, at),
    h("span", { class: "soft" }, [step.approval ? "after an approval" : "", step.dwell_seconds ? `for ${span(step.dwell_seconds)}` : ""].filter(Boolean).map((text) => ` ${text}`).join(",")))));
}

function wants(gate) {
  if (gate.compare) return `at most ${Number((gate.compare.margin * 100).toPrecision(3))} points above stable, from ${plural(gate.compare.minimum, "request", "requests")} each`;
  if (gate.hook) return `${gate.hook.url} says succeeded`;
  if (gate.kind === "rule") return gate.rule ? `${gate.rule} does not fire` : "no alert of the service fires";
  if (gate.kind === "health") return "every instance is well";
  return "";
}

function gateLine(gate) {
  const time = { before: "before the switch", after: "after the switch" }[gate.when] ?? "";
  return h("li", null, gate.name, h("span", { class: "soft" }, [wants(gate), time].filter(Boolean).map((text) => ` ${text}`).join(",")));
}

function who({ deployment: one, approval_group: group }) {
  const { plan } = one;
  if (!plan.approvals_needed) return "nobody has to approve";
  return `${plural(plan.approvals_needed, "approval", "approvals")}${group ? ` of ${group}` : ""}${plan.four_eyes ? ", not one's own" : ""}`;
}

class Plan extends HTMLElement {
  connectedCallback() {
    this.body = h("div", { class: "card plan" });
    this.append(section("plan", "Plan", null, this.body));
  }

  show(page) {
    const { deployment: one, revision, backup, told } = page;
    const print = JSON.stringify([one.plan, one.preview, one.previous, revision, backup, told]);
    if (print === this.print) return;
    this.print = print;
    const { plan } = one;
    this.body.replaceChildren(facts([
      ["Strategy", plan.strategy === plan.kind ? plan.strategy : `${plan.strategy} (${plan.kind})`],
      ["In words", told],
      ["Steps", one.previous ? planned(plan) : null],
      ["Preview", one.preview ? code(one.preview) : null],
      ["Gates", plan.gates.length ? h("ul", { class: "plan-steps" }, plan.gates.map(gateLine)) : "none"],
      ["Replaces", one.previous ? code(one.previous) : "nothing"],
      ["Instances", count(plan.instances)],
      ["Agreed by", who(page)],
      ["Settings of", revision === null ? null : `revision ${revision}`],
      ["Backup", backup ? code(backup) : null],
      ["Digest", h("code", { class: "digest" }, plan.digest)],
    ]));
  }
}

function instance(one) {
  const [tone, word] = INSTANCE[one.health] ?? ["muted", one.health];
  return h("li", { class: "decision" }, state(tone, word), code(one.id),
    h("span", { class: "soft" }, one.version, one.reason ? ` · ${one.reason}` : "", one.since ? [" · ", when(one.since)] : null));
}

class Instances extends Listed {
  connectedCallback() {
    this.build("instances", "Instances there now", h("ul", { class: "decisions" }), nothing("None to show.", "Those of the place's latest deployment are listed here."));
  }

  show(page) {
    keyed(this.list, page.instances, (one) => one.id, instance);
    setEmpty(this, !page.instances.length);
  }
}

class Log extends Listed {
  connectedCallback() {
    this.build("log", "What happened", h("ol", { class: "events log" }), nothing("Nothing yet."));
  }

  show({ deployment: one, people }) {
    const lines = one.history.map((entry, at) => ({ ...entry, at, when: entry.at, people }));
    keyed(this.list, lines.reverse(), (each) => each.at, (each) => h("li", null, when(each.when), h("span", null, named(each.text))));
    setEmpty(this, !one.history.length);
  }
}

customElements.define("ph-decisions", Decisions);
customElements.define("ph-plan", Plan);
customElements.define("ph-instances", Instances);
customElements.define("ph-log", Log);
