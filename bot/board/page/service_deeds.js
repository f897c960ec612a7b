/** What may be done to a service in one environment. What was seen is what is decided. */

import { deedRow } from "./deeds.js";
import { openDialog, send } from "./dialogs.js";
import { h } from "./dom.js";
import { refresh } from "./frame.js";
import { ask } from "./live.js";
import { address } from "./steps.js";
import { plural } from "./words.js";

const where = (one) => `${one.service} in ${one.environment}`;
const at = (one) => `/components/${encodeURIComponent(one.service)}/${encodeURIComponent(one.environment)}`;

// What a change is called, what is sent, and the question before one that is felt.
const DEEDS = {
  retry: { word: () => "Retry", kind: "" },
  start: { word: () => "Start", kind: "" },
  scale: {
    word: () => "Scale …", kind: "plain",
    number: ({ component: one }) => [`Scale ${where(one)}`, `${plural(one.desired, "instance is", "instances are")} wanted now. The number holds until somebody scales again or the settings change.`, "Scale", one.desired],
  },
  restart: {
    word: () => "Restart", kind: "plain",
    ask: ({ component: one }) => [`Restart ${where(one)}?`, `${one.desired === 1 ? "Its instance is" : `Its ${one.desired} instances are`} started anew, one at a time, those that are not well first.`, "Restart"],
  },
  stop: {
    word: () => "Stop", kind: "danger", seen: true,
    ask: ({ component: one }) => [`Stop ${where(one)}?`, `${one.version ?? "What runs"} takes no more requests there, then ${one.desired === 1 ? "its instance stops" : `all ${one.desired} instances stop`}. Start brings it back.`, "Stop it"],
  },
  unregister: {
    word: () => "Unregister", kind: "danger", seen: true,
    ask: ({ component: one }) => [`Unregister ${where(one)}?`, "It is taken off all lists; its history stays. A deployment brings it back.", "Unregister"],
  },
};

async function act(name, { component: one, seen }, number) {
  const body = number === undefined ? {} : { instances: number };
  await send(`${at(one)}/${name}`, DEEDS[name].seen ? { seen } : body);
  refresh();
}

/** The row of buttons as `node`; `show(place)` brings it up to date. */
export function serviceDeeds() {
  const { node, show } = deedRow(DEEDS, act);
  return { node, show: (place) => show(place, [place.component.state, place.component.desired, place.component.version, place.seen]) };
}

async function tellDifference(one, revision, told) {
  try {
    const found = await ask(`${at(one)}/diff?${new URLSearchParams({ to: String(revision) })}`);
    told.replaceChildren(...(found.differences.length
      ? [h("p", null, "Its configuration differs from what runs:"), h("ul", { class: "differences" }, found.differences.map((each) => h("li", null, h("code", null, each.field), ` ${each.before} → ${each.after}`)))]
      : [h("p", null, "Its configuration is the one that runs.")]));
  } catch (error) {
    told.textContent = `What differs could not be read: ${error.message}`;
  }
}

/** Ask before going back to a release, with what differs; leads to the deployment that does it. */
export function rollBack(one, release) {
  const told = h("div", { class: "soft", role: "status" }, "Reading what differs …");
  const text = `${where(one)} goes from ${one.version ?? "nothing"} to ${release.version} of revision ${release.revision}, by a deployment of its own.`;
  openDialog(`Roll back to revision ${release.revision}?`, "Roll back", [h("p", null, text), told], async () => {
    const made = await send(`${at(one)}/rollback`, { to: String(release.revision) });
    location.assign(address(made.id));
  }, "danger");
  tellDifference(one, release.revision, told);
}
