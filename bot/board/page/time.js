/** Times as people read them, in the zone and the language of the browser, ticking. */

import { h } from "./dom.js";

const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

let skew = 0; // milliseconds the server's clock is ahead of this one

/** Learn the server's clock from a time it just told. */
export const setClock = (text) => { skew = new Date(text) - Date.now(); };
export const now = () => Date.now() + skew;
export const clock = (date) => CLOCK.format(date);
export const day = (text) => DAY.format(new Date(text));

/** A length of time: 8 s, 2m 14s, 3h 5m, 4d 2h. */
export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${s % 60}s`;
  if (s < 86400) return `${Math.floor(s / 3600)}h ${Math.floor((s % 3600) / 60)}m`;
  return `${Math.floor(s / 86400)}d ${Math.floor((s % 86400) / 3600)}h`;
}

/** How long ago, in one unit. */
export function ago(date) {
  const s = Math.round((now() - date) / 1000);
  if (s < 5) return "now";
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86400)} d ago`;
}

function left(date) {
  const s = (date - now()) / 1000;
  return s > 0 ? `${span(s)} left` : "";
}

const SAY = {
  ago,
  since: (date) => `for ${span((now() - date) / 1000)}`,
  in: (date, node) => (date > now() ? `in ${span((date - now()) / 1000)}` : node.dataset.after),
  left: (date, node) => left(date) || node.dataset.after,
};

/** A `<time>` that ticks, with the absolute moment as its title. */
export function when(text, how = "ago", after = "") {
  const date = new Date(text);
  const node = h("time", { datetime: text, title: FULL.format(date), data: { tick: how, after } });
  node.textContent = SAY[how](date, node);
  return node;
}

/** Bring every ticking time up to date. */
export function tick() {
  for (const node of document.querySelectorAll("time[data-tick]")) {
    const text = SAY[node.dataset.tick](new Date(node.dateTime), node);
    if (node.textContent !== text) node.textContent = text;
  }
}
