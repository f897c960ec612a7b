/** The page of one service: joins its parts and the live data. */

import "./alerts.js";
import "./incidents.js";
import "./service_head.js";
import "./service_places.js";
import { run } from "./frame.js";
import { ask } from "./live.js";
import { COMPONENT } from "./words.js";

const name = decodeURIComponent(location.pathname.split("/").at(-1));
const parts = ["ph-service", "ph-incidents", "ph-alerts", "ph-service-places", "ph-bad-versions"].map((one) => document.querySelector(one));
const announce = document.querySelector("#announce");
let before = null;

/** Say aloud what a glance would see: environments whose state is another one. */
function tell(page) {
  const now = new Map(page.places.map(({ component: one }) => [one.environment, COMPONENT[one.state]?.[1] ?? one.state]));
  const news = before ? [...now].filter(([environment, word]) => before.get(environment) !== word) : [];
  if (news.length) announce.textContent = news.map(([environment, word]) => `${environment}: ${word}.`).join(" ");
  before = now;
}

/** Go to the environment that the address names, once it is there. */
function arrive() {
  const named = location.hash.slice(1);
  if (named) document.getElementById(decodeURIComponent(named))?.scrollIntoView();
}

function show(page) {
  const first = before === null;
  for (const part of parts) part.show(page);
  tell(page);
  document.title = `${page.service} · Pilothouse`;
  if (first) requestAnimationFrame(arrive);
}

run(() => ask(`/services/${encodeURIComponent(name)}/page`), show, "");
