/** The decisions that make sense now, for who is signed in and may take them. What was seen is what is decided. */

import { deedRow } from "./deeds.js";
import { send } from "./dialogs.js";
import { refresh } from "./frame.js";
import { address, approvalWord } from "./steps.js";

const place = (one) => `${one.service} in ${one.environment}`;

function abortText(one) {
  if (one.state === "planned" && !one.approved) return `The deployment to ${one.environment} ends. Nothing of it has begun.`;
  return `The deployment to ${one.environment} ends.${one.previous ? ` All traffic goes back to ${one.previous}.` : ""}`;
}

// What a decision is called, what is sent, and the question before one that changes what runs.
const DEEDS = {
  approve: { word: ({ deployment: one }) => approvalWord(one), at: "approve", seen: (one) => ({ digest: one.plan.digest, step: one.waiting_step }), kind: "" },
  reject: { word: () => "Reject", at: "reject", seen: (one) => ({ step: one.waiting_step }), kind: "plain" },
  promote: { word: () => "Promote now", at: "promote", seen: (one) => ({ step: one.step }), kind: "plain", ask: ({ deployment: one }) => [`Promote ${one.service} ${one.version} now?`, `What is left of its steps and gates is skipped; ${one.version} takes all traffic once it is healthy.`, "Promote"] },
  finish: { word: ({ deployment: one }) => `Let ${one.previous} go`, at: "finish", seen: () => ({}), kind: "plain", ask: ({ deployment: one }) => [`Let ${one.service} ${one.previous} go?`, `Its instances in ${one.environment} stop now; going back to it takes a new start then.`, "Let go"] },
  resume: { word: () => "Resume", at: "resume", seen: () => ({}), kind: "" },
  abort: { word: () => "Abort", at: "abort", seen: () => ({}), kind: "danger", ask: ({ deployment: one }) => [`Abort ${one.service} ${one.version}?`, abortText(one), "Abort"] },
  roll_back: { word: ({ deployment: one }) => `Roll back to ${one.previous}`, at: "rollback", seen: () => ({}), kind: "danger", ask: ({ deployment: one }) => [`Roll back ${one.service}?`, `${place(one)} goes from ${one.version} to ${one.previous}.`, "Roll back"] },
};

async function act(name, { deployment: one, path }) {
  const answer = await send(`${path}/${DEEDS[name].at}`, DEEDS[name].seen(one));
  if (answer.id !== one.id) location.assign(address(answer.id));
  else refresh();
}

/** The row of buttons as `node`; `show(page)` brings it up to date. */
export function deeds() {
  const { node, show } = deedRow(DEEDS, act);
  return { node, show: (page) => show(page, [page.deployment.state, page.deployment.waiting_step, page.deployment.plan.digest]) };
}
