/** The alerts page: joins the filter, the views and the live data. What is shown stands in the address. */

import "./alert_groups.js";
import "./notifications.js";
import "./rules.js";
import "./silences.js";
import { h, mark } from "./dom.js";
import { refresh, run } from "./frame.js";
import { ask, Refused } from "./live.js";
import { query } from "./sieve.js";
import { when } from "./time.js";
import { count, plural } from "./words.js";

const FIRST = 200;
const MORE = 600;
const MOST = 5000;
const PAGE = 200; // notifications that are asked for at once
const VIEWS = ["alerts", "silences", "rules", "notifications"];
const VIEW = {
  alerts: document.querySelector("ph-alert-groups"),
  silences: document.querySelector("ph-silences"),
  rules: document.querySelector("ph-rules"),
  notifications: document.querySelector("ph-notifications"),
};
const CHOICES = {
  alerts: [["all", "All"], ["active", "Active"], ["suppressed", "Muted"], ["pending", "Pending"]],
  silences: [["all", "All"], ["active", "Active"], ["pending", "Pending"], ["expired", "Expired"]],
  rules: [["all", "All"], ["broken", "Broken"], ["firing", "Firing"], ["pending", "Pending"]],
  notifications: [],
};
const sieve = document.querySelector("ph-sieve");
const tiles = document.querySelector(".views");
const problems = document.querySelector("#problems");
const announce = document.querySelector("#announce");
const whole = new Set(); // groups of which all is shown
let limit = FIRST;
let last = null; // what was shown last
let before = null; // how many were active
let turn = 0; // of reading; an answer that was overtaken by a later one is not shown
let shown = 0;

const params = () => new URLSearchParams(location.search);
const viewOf = () => (VIEWS.includes(params().get("view")) ? params().get("view") : "alerts");
const whichOf = (view) => (CHOICES[view].some(([name]) => name === params().get("state")) ? params().get("state") : "all");

function path(view, which, more) {
  const asked = new URLSearchParams({ ...query(sieve.text), ...more });
  if (which !== "all" && view !== "silences") asked.set("state", which);
  return `/${{ alerts: "alerts/groups", silences: "silences", rules: "rules" }[view]}?${asked}`;
}

/** The groups, and all of those that somebody opened wholly. */
async function groups(which) {
  const found = await ask(path("alerts", which, { limit }));
  const wanted = found.groups.filter((group) => whole.has(group.key));
  const full = await Promise.all(wanted.map((group) => ask(path("alerts", which, { limit: MOST, group: group.key }))));
  const known = new Map(full.flatMap((one) => one.groups).map((group) => [group.key, group]));
  return { ...found, groups: found.groups.map((group) => known.get(group.key) ?? group) };
}

/** The newest notifications, page after page. */
async function notifications() {
  const found = { notifications: [], next: "" };
  do {
    const page = await ask(`/notifications?limit=${PAGE}&cursor=${found.next}`);
    found.notifications.push(...page.notifications);
    found.next = page.next;
  } while (found.next && found.notifications.length < limit);
  return limit < MOST ? found : { ...found, next: null };
}

async function read() {
  const view = viewOf();
  const which = whichOf(view);
  const text = sieve.text;
  turn += 1;
  const mine = turn;
  const [summary, found] = await Promise.all([ask("/alerts/summary"), list(view, which)]);
  return { ...summary, view, which, text, found, turn: mine };
}

/** What the view lists; a filter that cannot be read keeps what was shown and is told where it was typed. */
async function list(view, which) {
  try {
    const asked = { alerts: () => groups(which), notifications };
    const found = await (asked[view]?.() ?? ask(path(view, which, { limit })));
    sieve.complain(null);
    return found;
  } catch (error) {
    if (!(error instanceof Refused) || error.field !== "filter") throw error;
    sieve.complain(error);
    return null;
  }
}

function show(page) {
  if (page.turn < shown) return;
  shown = page.turn;
  if (page.view !== viewOf() || page.which !== whichOf(page.view) || page.text !== sieve.text) return refresh(); // chosen anew meanwhile
  for (const name of VIEWS) VIEW[name].hidden = name !== page.view;
  sieve.hidden = page.view === "notifications";
  showTiles(page);
  showProblems(page.problems);
  sieve.offer(choices(page), page.which);
  if (page.found) {
    const filtered = page.text.trim() !== "" || (page.view === "alerts" && page.which !== "all");
    VIEW[page.view].show(page.found, { may: page.may_silence, filtered, which: page.which, changed: refresh });
  }
  tell(page.alerts);
  document.title = page.alerts.active ? `(${page.alerts.active}) Alerts · Pilothouse` : "Alerts · Pilothouse";
  if (!last || last.view !== page.view) openNamed();
  last = page;
}

/** How many each choice would show; those of the filter where they are known. */
function choices({ view, found, silences, rules, alerts }) {
  const counts = {
    alerts: () => { const known = found?.counts ?? alerts; return { ...known, all: known.active + known.suppressed + known.pending }; },
    silences: () => ({ ...silences, all: silences.active + silences.pending + silences.expired }),
    rules: () => ({ ...rules, all: rules.rules }),
    notifications: () => ({}),
  }[view]();
  return CHOICES[view].map(([name, word]) => [name, word, counts[name]]);
}

function tile(view, title, tone, value, note) {
  return h("a", { class: `tile is-${tone}`, href: view === "alerts" ? "/alerts" : `/alerts?view=${view}`, data: { view }, "aria-current": view === viewOf() ? "page" : null },
    h("span", { class: "tile-title" }, title), h("span", { class: "tile-value" }, mark(tone), h("span", null, value)), h("span", { class: "tile-note" }, note));
}

/** When somebody was told last, or could not be. */
function toldTile(last) {
  if (!last) return tile("notifications", "Notifications", "muted", "None", "Nobody was told yet");
  const [tone, word] = last.error === null ? ["good", "Told"] : ["bad", "Not told"];
  return tile("notifications", "Notifications", tone, [`${word} `, when(last.at)], last.error === null ? `${last.receiver}: ${last.reason}` : `${last.receiver} failed`);
}

function showTiles({ alerts, silences, rules, last_notification: told }) {
  const held = [alerts.suppressed ? `${count(alerts.suppressed)} muted` : "", alerts.pending ? `${count(alerts.pending)} pending` : ""].filter(Boolean).join(", ");
  const holding = [rules.firing ? `${count(rules.firing)} firing` : "", rules.pending ? `${count(rules.pending)} pending` : ""].filter(Boolean).join(", ");
  const fresh = [
    tile("alerts", "Alerts", alerts.active ? "bad" : alerts.pending ? "warning" : "good", alerts.active ? `${count(alerts.active)} active` : "None active", held || "Nothing waits"),
    tile("silences", "Silences", silences.active ? "busy" : "muted", silences.active ? `${count(silences.active)} active` : "None active", silences.pending ? `${plural(silences.pending, "begins", "begin")} later` : "None begins later"),
    tile("rules", "Rules", rules.broken ? "warning" : rules.rules ? "good" : "muted", rules.broken ? `${count(rules.broken)} broken` : rules.rules ? "All well" : "None", rules.rules ? `${plural(rules.rules, "rule", "rules")}${holding ? `, ${holding}` : ""}` : "No rule file is read"),
    toldTile(told),
  ];
  fresh.forEach((node, at) => {
    const old = tiles.children[at];
    if (old.isEqualNode(node)) return;
    const focused = old === document.activeElement;
    old.replaceWith(node);
    if (focused) node.focus();
  });
}

function showProblems(found) {
  const print = JSON.stringify(found);
  if (problems.dataset.print === print) return;
  problems.dataset.print = print;
  problems.hidden = !found.length;
  problems.replaceChildren(h("strong", null, "A changed rule file is not in use; the rules read before go on."),
    h("ul", { class: "problem-list" }, found.slice(0, 20).map((text) => h("li", null, h("code", null, text)))),
    found.length > 20 ? h("p", null, `And ${count(found.length - 20)} more.`) : "");
}

function tell(alerts) {
  if (before !== null && alerts.active !== before) announce.textContent = `${plural(alerts.active, "alert is", "alerts are")} active.`;
  before = alerts.active;
}

/** Open the row that the address names, as links between the views do. */
function openNamed() {
  const node = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
  const details = node?.querySelector("details");
  if (!details) return;
  details.open = true;
  node.scrollIntoView({ block: "center" });
  details.querySelector("summary").focus({ preventScroll: true });
}

/** Go where `address` says without loading the page anew; the filter stays. */
function go(address) {
  const to = new URL(address, location.href);
  if (sieve.text.trim() && !to.hash) to.searchParams.set("q", sieve.text.trim());
  if (to.hash) sieve.input.value = "";
  history.pushState(null, "", to);
  limit = FIRST;
  last = null;
  refresh();
}

function note(name, value) {
  const address = new URL(location.href);
  if (value) address.searchParams.set(name, value);
  else address.searchParams.delete(name);
  address.hash = "";
  history.replaceState(null, "", address);
  limit = FIRST;
  refresh();
}

document.addEventListener("click", (event) => {
  const anchor = event.target.closest("a");
  if (!anchor || anchor.target || event.ctrlKey || event.metaKey || event.shiftKey || anchor.pathname !== "/alerts" || anchor.origin !== location.origin) return;
  event.preventDefault();
  go(anchor.href);
});
addEventListener("popstate", () => { sieve.input.value = params().get("q") ?? ""; last = null; refresh(); });
sieve.addEventListener("sift", () => note("q", sieve.text.trim()));
sieve.addEventListener("choose", (event) => note("state", event.detail === "all" ? "" : event.detail));
for (const part of Object.values(VIEW)) part.addEventListener("more", () => { limit = Math.min(limit + MORE, MOST); refresh(); });
VIEW.alerts.addEventListener("whole", (event) => { whole.add(event.detail); refresh(); });
run(read, show, "Filter by matchers or words");
