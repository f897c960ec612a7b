/** A deployment in a line: what it is, its state, its steps with the present one marked, what happened. */

import { h, icon, state } from "./dom.js";
import { span, when } from "./time.js";
import { code, DEPLOYMENT, named, OUTCOME, serviceAddress } from "./words.js";

/** The address of a deployment's page. */
export const address = (id) => `/deployments/${encodeURIComponent(id)}`;

/** Its id, leading to its page. */
export const link = (id) => h("a", { href: address(id) }, code(id));

/** `shop v2 to production`; with `linked` the service's name leads to its page. */
export function title(one, linked = false) {
  const name = h("strong", null, one.service);
  const names = [linked ? h("a", { href: serviceAddress(one.service, one.environment) }, name) : name, " ", code(one.version)];
  if (one.purpose === "roll_back") return ["Roll back ", names[0], " to ", names[2], " in ", one.environment];
  return [...names, " to ", h("span", null, one.environment)];
}

/** The same as plain text. */
export const titleText = (one) => title(one).map((part) => part.textContent ?? part).join("");

/** State and outcome as shape and words. */
export function stateOf(one) {
  const [tone, word] = one.state === "planned" && one.approved ? ["busy", "Starting"] : DEPLOYMENT[one.state] ?? ["muted", one.state];
  const outcome = OUTCOME[one.outcome];
  return state(tone, outcome ? `${word}, ${outcome}` : word);
}

const PREVIEWED = ["Preview", "Switch", "Keep"];

/** What a step is called: where a plan begins with a preview, by what is done. */
export function stepName(plan, at) {
  if (!plan.steps[at]) return "";
  return (plan.steps[0].weight === 0 && PREVIEWED[at]) || `${plan.steps[at].weight} %`;
}

/** What approving does. */
export function approvalWord(one) {
  if (one.waiting_step === null) return `Approve ${one.version}`;
  return { Switch: `Switch to ${one.version}`, Keep: `Let ${one.previous} go` }[stepName(one.plan, one.waiting_step)] ?? `Approve step ${one.waiting_step + 1}`;
}

function approval(one) {
  const agreed = one.decisions.filter((each) => each.approved && each.step === null).length;
  const how = one.state === "planned" ? "now" : one.started_at ? "done" : "stopped";
  return { name: "Approval", note: `${agreed} of ${one.plan.approvals_needed}`, how };
}

/** How far a step is: done, now, stopped there or to come. */
function stepHow(one, at) {
  if (one.state === "succeeded" || one.state === "promoting" || at < (one.waiting_step ?? one.step)) return "done";
  if (one.ended_at) return at === one.step ? "stopped" : "never";
  return at === (one.waiting_step ?? one.step) ? "now" : "next";
}

function last(one) {
  const how = { succeeded: "done", promoting: "now" }[one.state] ?? (one.ended_at ? "never" : "next");
  const kept = one.plan.keep_old_seconds && one.previous ? `${one.previous} kept ${span(one.plan.keep_old_seconds)}` : "";
  return { name: "Promote", note: kept, how };
}

/** The nodes of the line. */
export function nodes(one) {
  const steps = one.plan.steps.map((step, at) => ({
    name: stepName(one.plan, at),
    note: [step.approval ? "approval" : "", step.dwell_seconds ? span(step.dwell_seconds) : ""].filter(Boolean).join(", "),
    how: stepHow(one, at),
  }));
  return [...(one.plan.approvals_needed ? [approval(one)] : []), ...steps, last(one)];
}

const SPOKEN = { done: "done", now: "present step", next: "to come", stopped: "ended here", never: "not reached" };

/** The steps as a line. */
export function stepLine(one) {
  const back = ["rolling_back", "paused"].includes(one.state);
  return h("ol", { class: `steps${back ? " is-held" : ""}`, "aria-label": "Steps" }, nodes(one).map((node) =>
    h("li", { class: `step is-${node.how}`, "aria-current": node.how === "now" ? "step" : null },
      h("span", { class: "step-dot" }, node.how === "done" ? icon("check") : null),
      h("span", { class: "step-name" }, node.name), h("span", { class: "step-note soft" }, node.note),
      h("span", { class: "hidden" }, SPOKEN[node.how]))));
}

/** Lines of a history, the newest first. */
export function history(entries) {
  return h("ol", { class: "history" }, [...entries].reverse().map((entry) => h("li", null, when(entry.at), h("span", null, named(entry.text)))));
}
