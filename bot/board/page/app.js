/** The board: joins its parts and the live data. */

import "./alerts.js";
import "./deployments.js";
import "./incidents.js";
import "./services.js";
import "./side.js";
import "./strip.js";
import "./trains.js";
import { run } from "./frame.js";
import { ask } from "./live.js";
import { plural } from "./words.js";

const PARTS = ["ph-strip", "ph-incidents", "ph-deployments", "ph-trains-under-way", "ph-alerts", "ph-services", "ph-oncall", "ph-recent", "ph-events"];
const parts = PARTS.map((name) => document.querySelector(name));
const announce = document.querySelector("#announce");
let before = null;

/** The dwell's end as a moment, so that a row changes when the step does and not with each second. */
function settle(deployment, at) {
  const { step_left_seconds: left, ...rest } = deployment;
  const end = Math.round((new Date(at).getTime() + left * 1000) / 1000) * 1000;
  return { ...rest, until: deployment.step_entered_at ? new Date(end).toISOString() : null };
}

function show(overview) {
  const board = { ...overview, deployments: overview.deployments.map((one) => settle(one, overview.at)) };
  for (const part of parts) part.show(board);
  tell(board);
  document.title = board.incidents.length ? `(${board.incidents.length}) Pilothouse` : "Pilothouse";
  before = board;
}

/** Say aloud what a glance would see: incidents that opened or ended, deployments that ended. */
function tell(board) {
  if (!before) return;
  const ids = (list) => new Set(list.map((one) => one.id));
  const opened = board.incidents.filter((one) => !ids(before.incidents).has(one.id)).map((one) => `New incident: ${one.title}.`);
  const ended = before.incidents.filter((one) => !ids(board.incidents).has(one.id)).map((one) => `Incident ended: ${one.title}.`);
  const landed = before.deployments.filter((one) => !ids(board.deployments).has(one.id))
    .map((one) => `${one.service} ${one.version}: ${board.recent.find((each) => each.id === one.id)?.state.replace("_", " ") ?? "ended"}.`);
  const news = [...opened, ...ended, ...landed];
  if (news.length) announce.textContent = news.slice(0, 3).join(" ") + (news.length > 3 ? ` And ${plural(news.length - 3, "more", "more")}.` : "");
}

run(() => ask("/overview"), show, "Filter the services");
