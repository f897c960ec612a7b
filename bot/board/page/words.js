/** States in words and tones, numbers as people read them, people by name. */

import { h } from "./dom.js";

export const COMPONENT = {
  registered: ["muted", "Registered"],
  configuring: ["busy", "Configuring"],
  deploying: ["busy", "Deploying"],
  running: ["good", "Running"],
  scaling: ["busy", "Scaling"],
  updating: ["busy", "Updating"],
  failed: ["bad", "Failed"],
  stopping: ["busy", "Stopping"],
  stopped: ["muted", "Stopped"],
  unregistered: ["muted", "Unregistered"],
};
export const DEPLOYMENT = {
  planned: ["warning", "Waiting for approval"],
  running: ["busy", "In progress"],
  paused: ["warning", "Paused"],
  promoting: ["busy", "Promoting"],
  succeeded: ["good", "Succeeded"],
  rolling_back: ["warning", "Going back"],
  rolled_back: ["warning", "Rolled back"],
  failed: ["bad", "Failed"],
  cancelled: ["muted", "Cancelled"],
};
export const OUTCOME = {
  rejected: "rejected",
  expired: "nobody decided in time",
  aborted: "aborted",
  gate_failed: "a gate failed",
  broken: "could not be done",
  superseded: "something newer took its place",
  void: "what was agreed to has changed",
};
export const TRAIN = {
  planned: ["warning", "Waiting for approval"],
  running: ["busy", "In progress"],
  going_back: ["warning", "Going back"],
  succeeded: ["good", "Everything is out"],
  taken_back: ["warning", "Everything is as it was"],
  stuck: ["bad", "Not everything could be taken back"],
  cancelled: ["muted", "Cancelled"],
};
export const PART = {
  waiting: ["muted", "Waits"],
  running: ["busy", "In progress"],
  done: ["good", "Out"],
  failed: ["bad", "Failed, as before"],
  unsure: ["bad", "Failed"],
  undoing: ["busy", "Is taken back"],
  undone: ["warning", "As before"],
  stuck: ["bad", "Not taken back"],
  kept: ["warning", "Stays"],
};
export const INCIDENT = { open: ["bad", "Open"], acknowledged: ["warning", "Acknowledged"], resolved: ["good", "Resolved"] };
export const ALERT = { firing: ["bad", "Firing"], pending: ["warning", "Pending"] };
export const VERDICT = { pass: ["good", "Pass"], fail: ["bad", "Fail"], inconclusive: ["muted", "Too little data"], error: ["warning", "Could not be asked"] };
export const INSTANCE = { starting: ["busy", "Starting"], healthy: ["good", "Healthy"], unhealthy: ["bad", "Unhealthy"], dead: ["bad", "Gone"] };

/** How well a component is, as a tone. */
export function healthTone(one) {
  if (!one.desired || one.health === "not running") return "muted";
  if (one.healthy >= one.desired) return "good";
  return one.healthy === 0 ? "bad" : "warning";
}

let names = {};
export const setPeople = (people) => { names = people; };

/** A person's name; somebody the settings do not name any more keeps the id. */
export const person = (id) => (Object.hasOwn(names, id) ? names[id] : id);

// Where a line names a person: first of all, after "by", after "from", after "Paging".
const PERSON = /(^Paging |^|\b(?:by|from) )([^\s,]+?)(?=[.,:]?(?:\s|$))/g;

/** A line of a history with people's names in place of their ids. */
export const named = (text) => text.replace(PERSON, (all, before, id) => before + person(id));

const COUNT = new Intl.NumberFormat(undefined);
export const count = (value) => COUNT.format(value);
export const plural = (value, one, many) => `${count(value)} ${value === 1 ? one : many}`;

/** What became of the requests meanwhile; null before there were any. */
export function answered(one) {
  if (one.requests === null) return one.started_at ? "requests are not counted by this router" : null;
  return one.requests ? `${count(one.lost)} of ${plural(one.requests, "request", "requests")} lost` : null;
}

const three = (value) => String(Number(value.toPrecision(3)));

/** 0.8 %, 250 ms, 1.2 s, 1,234; "no data" for nothing. */
export function number(value, unit = "") {
  if (value === null || value === undefined) return "no data";
  if (unit === "ratio") return `${three(value * 100)} %`;
  if (unit === "seconds") return value >= 1 ? `${three(value)} s` : `${three(value * 1000)} ms`;
  return Math.abs(value) >= 1000 ? count(Math.round(value)) : three(value);
}

/** A name that a machine gave. */
export const code = (text) => h("code", null, text);

/** Where an environment is on a service's page; no other part of it can be called so. */
export const anchor = (environment) => `in-${environment}`;

/** The address of a service's page, at one of its environments when that is named. */
export const serviceAddress = (service, environment = "") => `/services/${encodeURIComponent(service)}${environment ? `#${encodeURIComponent(anchor(environment))}` : ""}`;

/** `shop` strong and leading to its page, `production` soft. */
export const place = (one) => h("span", { class: "place" }, h("a", { href: serviceAddress(one.service, one.environment), tabindex: "-1" }, h("strong", null, one.service)), " ", h("span", { class: "soft" }, one.environment));
