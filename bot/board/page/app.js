/** The board: joins the parts, the live data, the theme and the keyboard. */

import "./alerts.js";
import "./deployments.js";
import "./incidents.js";
import "./services.js";
import "./side.js";
import "./strip.js";
import { h, icon, mark } from "./dom.js";
import { listen, showKeys } from "./keys.js";
import { Live } from "./live.js";
import { clock, now, setClock, tick } from "./time.js";
import { plural, setPeople } from "./words.js";

const PARTS = ["ph-strip", "ph-incidents", "ph-deployments", "ph-alerts", "ph-services", "ph-oncall", "ph-recent", "ph-events"];
const parts = PARTS.map((name) => document.querySelector(name));
const connection = document.querySelector("#connection");
const failure = document.querySelector("#failure");
const announce = document.querySelector("#announce");
let seen = null; // when the board was last true
let before = null;

/** The dwell's end as a moment, so that a row changes when the step does and not with each second. */
function settle(deployment, at) {
  const { step_left_seconds: left, ...rest } = deployment;
  const end = Math.round((new Date(at).getTime() + left * 1000) / 1000) * 1000;
  return { ...rest, until: deployment.step_entered_at ? new Date(end).toISOString() : null };
}

function show(overview) {
  setClock(overview.at);
  setPeople(overview.people);
  const board = { ...overview, deployments: overview.deployments.map((one) => settle(one, overview.at)) };
  for (const part of parts) part.show(board);
  showYou(board.you);
  tell(board);
  seen = now();
  failure.hidden = true;
  document.body.dataset.state = "ready";
  document.title = board.incidents.length ? `(${board.incidents.length}) Pilothouse` : "Pilothouse";
  before = board;
}

function showYou(you) {
  const node = document.querySelector("#you");
  if (node.dataset.you === (you?.id ?? "")) return;
  node.dataset.you = you?.id ?? "";
  node.replaceChildren(...(you ? [h("span", null, you.name), h("a", { href: "/signout" }, "Sign out")] : []));
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

const CONNECTION = {
  live: () => ["good", "Live"],
  lost: () => ["warning", seen ? `Connection lost. Shown as of ${clock(seen)}; trying again …` : "No connection; trying again …"],
  refused: (error) => ["bad", error.message],
};

function tellConnection(state, error) {
  const [tone, text] = CONNECTION[state](error);
  if (connection.dataset.state !== state || connection.textContent !== text) {
    connection.dataset.state = state;
    connection.replaceChildren(mark(tone), h("span", null, text));
  }
  document.body.classList.toggle("is-stale", state !== "live");
  if (state !== "live" && (!seen || state === "refused")) tellFailure(error);
}

function tellFailure(error) {
  document.body.dataset.state = seen ? "ready" : "failed";
  failure.hidden = false;
  const again = h("button", { type: "button", class: "button", on: { click: () => (error.status === 401 ? location.reload() : live.start()) } },
    error.status === 401 ? "Sign in" : "Try now");
  failure.replaceChildren(h("strong", null, seen ? "The board is no longer up to date." : "The board could not be read."),
    h("p", null, `${error.message} ${error.remedy ?? "It is tried again by itself."}`), again);
}

const THEMES = { system: ["screen", "As the system"], light: ["sun", "Light"], dark: ["moon", "Dark"] };

function setTheme(name) {
  const [drawing, word] = THEMES[name];
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  const button = document.querySelector("#theme");
  button.replaceChildren(icon(drawing));
  button.title = `Theme: ${word.toLowerCase()} (t)`;
  button.setAttribute("aria-label", button.title);
  localStorage.setItem("board.theme", name);
}

function turnTheme() {
  const names = Object.keys(THEMES);
  setTheme(names[(names.indexOf(localStorage.getItem("board.theme") ?? "system") + 1) % names.length]);
}

const kept = localStorage.getItem("board.theme");
setTheme(kept in THEMES ? kept : "system");
document.querySelector("#theme").addEventListener("click", turnTheme);
document.querySelector("#keys").addEventListener("click", showKeys);
listen(turnTheme);
setInterval(tick, 1000);
const live = new Live(show, tellConnection);
live.start();
