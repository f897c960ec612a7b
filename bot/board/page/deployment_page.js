/** The page of one deployment: joins its parts and the live data. */

import "./deployment_facts.js";
import "./deployment_gates.js";
import "./deployment_head.js";
import "./deployment_time.js";
import { run } from "./frame.js";
import { ask } from "./live.js";
import { stepName, titleText } from "./steps.js";
import { DEPLOYMENT } from "./words.js";

const PICTURES = 10_000; // milliseconds between two looks at the metrics server while it is under way
const id = decodeURIComponent(location.pathname.split("/").at(-1));
const path = `/deployments/${encodeURIComponent(id)}`;
const parts = ["ph-deployment", "ph-timeline", "ph-gates", "ph-log", "ph-decisions", "ph-plan", "ph-instances"].map((name) => document.querySelector(name));
const timeline = document.querySelector("ph-timeline");
const announce = document.querySelector("#announce");
let before = "";
let looked = -PICTURES; // when the metrics server was asked last
let last = false; // whether it was asked after the end

/** The dwell's end as a moment, so that what is shown changes when the step does and not with each second. */
function settle(page) {
  const { step_left_seconds: left, ...rest } = page.deployment;
  const end = Math.round((new Date(page.at).getTime() + left * 1000) / 1000) * 1000;
  return { ...page, path, deployment: { ...rest, until: rest.step_entered_at ? new Date(end).toISOString() : null } };
}

/** Ask the metrics server apart from the rest: it may be slow, or away. */
async function look({ start, deployment }) {
  if (!start || last || performance.now() - looked < PICTURES) return;
  looked = performance.now();
  last = deployment.ended_at !== null;
  try {
    timeline.draw(await ask(`${path}/pictures`));
  } catch (error) {
    last = false;
    timeline.complain(error);
  }
}

/** Say aloud what a glance would see: the state, and the step. */
function tell({ deployment: one }) {
  const word = DEPLOYMENT[one.state]?.[1] ?? one.state;
  const step = one.state === "running" && one.step >= 0 ? `, step ${one.step + 1} of ${one.steps}: ${stepName(one.plan, one.step)}` : "";
  const now = `${word}${step}.`;
  if (before && before !== now) announce.textContent = now;
  before = now;
  document.title = `${word}: ${titleText(one)} · Pilothouse`;
}

function show(found) {
  const page = settle(found);
  for (const part of parts) part.show(page);
  tell(page);
  look(page);
}

run(() => ask(`${path}/page`), show, "");
