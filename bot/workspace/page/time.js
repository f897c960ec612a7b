/**
 * Times as people read them, in the zone and the language of the browser, and Slack's date tokens
 * (https://api.slack.com/reference/surfaces/formatting#date-formatting).
 */

import { h } from "./dom.js";

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;

const format = (options) => new Intl.DateTimeFormat(undefined, options);
const FORMATS = {
  time: format({ hour: "numeric", minute: "2-digit" }),
  seconds: format({ hour: "numeric", minute: "2-digit", second: "2-digit" }),
  full: format({ dateStyle: "full", timeStyle: "long" }),
  short: format({ month: "short", day: "numeric", year: "numeric" }),
  shortThisYear: format({ month: "short", day: "numeric" }),
  month: format({ month: "long" }),
  weekday: format({ weekday: "long" }),
};
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

/** The moment of a message: its `ts` counts seconds since 1970 before the point. */
export const momentOf = (ts) => new Date(Number.parseFloat(ts) * 1000);

export const clock = (date) => FORMATS.time.format(date);
export const absolute = (date) => FORMATS.full.format(date);

/** A key that is the same for all moments of one local day. */
export const dayOf = (date) => `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;

function daysApart(date, now) {
  const midnight = (moment) => new Date(moment.getFullYear(), moment.getMonth(), moment.getDate());
  return Math.round((midnight(date) - midnight(now)) / (DAY * 1000));
}

function ordinal(day) {
  const tens = day % 100;
  if (tens >= 11 && tens <= 13) return `${day}th`;
  return `${day}${["th", "st", "nd", "rd"][day % 10] ?? "th"}`;
}

const two = (number) => String(number).padStart(2, "0");
const withinYear = (date, now) => Math.abs(date - now) < 182 * DAY * 1000;

function longDate(date, { weekday = false, year = true } = {}) {
  const front = weekday ? `${FORMATS.weekday.format(date)}, ` : "";
  const back = year ? `, ${date.getFullYear()}` : "";
  return `${front}${FORMATS.month.format(date)} ${ordinal(date.getDate())}${back}`;
}

function pretty(date, now, otherwise) {
  const near = { "-1": "yesterday", 0: "today", 1: "tomorrow" }[daysApart(date, now)];
  return near ?? otherwise;
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** The separator between days: Today, Yesterday, Monday, June 3rd. */
export function dayLabel(date, now) {
  return capital(pretty(date, now, longDate(date, { weekday: true, year: !withinYear(date, now) })));
}

/** How long ago or how soon: "3 minutes ago", "in 2 hours". */
export function ago(date, now) {
  const seconds = Math.round((date - now) / 1000);
  const size = Math.abs(seconds);
  if (size < 45) return seconds > 0 ? "in a moment" : "just now";
  if (size < 45 * MINUTE) return RELATIVE.format(Math.round(seconds / MINUTE), "minute");
  if (size < 22 * HOUR) return RELATIVE.format(Math.round(seconds / HOUR), "hour");
  return RELATIVE.format(Math.round(seconds / DAY), "day");
}

const TOKENS = {
  date_num: (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`,
  date_slash: (date) => `${two(date.getMonth() + 1)}/${two(date.getDate())}/${date.getFullYear()}`,
  date: (date, now) => longDate(date, { year: !withinYear(date, now) }),
  date_short: (date, now) => (withinYear(date, now) ? FORMATS.shortThisYear : FORMATS.short).format(date),
  date_long: (date, now) => longDate(date, { weekday: true, year: !withinYear(date, now) }),
  date_long_full: (date) => longDate(date, { weekday: true }),
  date_pretty: (date, now) => pretty(date, now, TOKENS.date(date, now)),
  date_short_pretty: (date, now) => pretty(date, now, TOKENS.date_short(date, now)),
  date_long_pretty: (date, now) => pretty(date, now, TOKENS.date_long(date, now)),
  day_divider_pretty: (date, now) => pretty(date, now, TOKENS.date_long(date, now)),
  time: (date) => FORMATS.time.format(date),
  time_secs: (date) => FORMATS.seconds.format(date),
  ago: (date, now) => ago(date, now),
};

/**
 * A Slack date format filled in; null when it names a token that does not exist, for then Slack
 * shows the fallback. A relative day that begins the text begins with a capital.
 */
export function slackDate(template, unix, now) {
  const date = new Date(unix * 1000);
  if (Number.isNaN(date.getTime())) return null;
  const names = [...template.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
  if (names.length === 0 || names.some((name) => !Object.hasOwn(TOKENS, name))) return null;
  const text = template.replace(/\{(\w+)\}/g, (_, name) => TOKENS[name](date, now));
  return /^\{date\w*pretty\}|^\{day_divider/.test(template) ? capital(text) : text;
}

/** A `<time>` with the absolute moment as its title; `refresh` fills it in again as time passes. */
export function timeElement(date, text, refresh) {
  const node = h("time", { datetime: date.toISOString(), title: absolute(date) }, text);
  if (refresh) ageing.set(node, refresh);
  return node;
}

const ageing = new Map();

/** Bring relative times on the page up to date; forget those that left it. */
export function refreshTimes(now) {
  for (const [node, refresh] of ageing) {
    if (node.isConnected) node.textContent = refresh(now);
    else ageing.delete(node);
  }
}
