/** The decisions that make sense now, for who is signed in and may take them. What was seen is what is decided. */

import { askFirst, send } from "./dialogs.js";
import { h, typed } from "./dom.js";
import { refresh } from "./frame.js";
import { address, approvalWord } from "./steps.js";

const place = (one) => `${one.service} in ${one.environment}`;

function abortText(one) {
  if (one.state === "planned" && !one.approved) return `The deployment to ${one.environment} ends. Nothing of it has begun.`;
  return `The deployment to ${one.environment} ends.${one.previous ? ` All traffic goes back to ${one.previous}.` : ""}`;
}

// What a decision is called, what is sent, and the question before one that changes what runs.
const DEEDS = {
  approve: { word: approvalWord, at: "approve", seen: (one) => ({ digest: one.plan.digest, step: one.waiting_step }), kind: "" },
  reject: { word: () => "Reject", at: "reject", seen: (one) => ({ step: one.waiting_step }), kind: "plain" },
  promote: { word: () => "Promote now", at: "promote", seen: (one) => ({ step: one.step }), kind: "plain", ask: (one) => [`Promote ${one.service} ${one.version} now?`, `What is left of its steps and gates is skipped; ${one.version} takes all traffic once it is healthy.`, "Promote"] },
  finish: { word: (one) => `Let ${one.previous} go`, at: "finish", seen: () => ({}), kind: "plain", ask: (one) => [`Let ${one.service} ${one.previous} go?`, `Its instances in ${one.environment} stop now; going back to it takes a new start then.`, "Let go"] },
  resume: { word: () => "Resume", at: "resume", seen: () => ({}), kind: "" },
  abort: { word: () => "Abort", at: "abort", seen: () => ({}), kind: "danger", ask: (one) => [`Abort ${one.service} ${one.version}?`, abortText(one), "Abort"] },
  roll_back: { word: (one) => `Roll back to ${one.previous}`, at: "rollback", seen: () => ({}), kind: "danger", ask: (one) => [`Roll back ${one.service}?`, `${place(one)} goes from ${one.version} to ${one.previous}.`, "Roll back"] },
};

/** Why the buttons are not there, for whoever looks for them. */
function missing(page) {
  if (!page.offers.length || page.may.length) return page.remark;
  if (!page.you) return ["To decide here, sign in: ", typed("/ops board"), " in chat gives a link."];
  return page.remark;
}

/** The row of buttons as `node`; `show(page)` brings it up to date. */
export function deeds() {
  const buttons = h("div", { class: "deeds-row" });
  const note = h("p", { class: "soft deeds-note" });
  const said = h("p", { class: "deeds-said", role: "alert", hidden: true });
  const node = h("div", { class: "sheet-deeds", hidden: true }, buttons, note, said);
  let print = "";

  function refuse(error) {
    said.hidden = false;
    said.textContent = `${error.message} ${error.remedy ?? ""}`.trim();
  }

  async function act(name, page) {
    const { deployment: one, path } = page;
    const answer = await send(`${path}/${DEEDS[name].at}`, DEEDS[name].seen(one));
    if (answer.id !== one.id) location.assign(address(answer.id));
    else refresh();
  }

  async function press(name, page) {
    said.hidden = true;
    if (DEEDS[name].ask) return askFirst(DEEDS[name].ask(page.deployment), DEEDS[name].kind, () => act(name, page));
    for (const button of buttons.children) button.disabled = true;
    try {
      await act(name, page);
    } catch (error) {
      refuse(error);
      refresh();
    }
    for (const button of buttons.children) button.disabled = false;
  }

  function show(page) {
    const fresh = JSON.stringify([page.may, page.offers, page.remark, page.you, page.deployment.waiting_step, page.deployment.state, page.deployment.plan.digest]);
    if (fresh === print) return;
    if (print && JSON.parse(print)[5] !== page.deployment.state) said.hidden = true;
    print = fresh;
    const focused = buttons.contains(document.activeElement);
    buttons.replaceChildren(...page.may.filter((name) => name in DEEDS).map((name) => h("button", { type: "button", class: `button ${DEEDS[name].kind}`, on: { click: () => press(name, page) } }, DEEDS[name].word(page.deployment))));
    if (focused) (buttons.firstElementChild ?? document.querySelector("#deployment")).focus({ preventScroll: true });
    const why = [missing(page)].flat().filter(Boolean);
    note.replaceChildren(...why);
    note.hidden = !why.length;
    node.hidden = !page.may.length && !why.length && said.hidden;
  }
  return { node, show };
}
