/** The top strip: what matters now in four links. */

import { h, mark } from "./dom.js";
import { day, when } from "./time.js";
import { count, person, plural } from "./words.js";

function tile(target, title, tone, value, note) {
  return h("a", { class: `tile is-${tone}`, href: `#${target}` },
    h("span", { class: "tile-title" }, title),
    h("span", { class: "tile-value" }, mark(tone), h("span", null, value)),
    h("span", { class: "tile-note" }, note));
}

function incidents(board) {
  const open = board.incidents;
  const alone = open.filter((one) => one.state === "open").length;
  if (!open.length) return tile("incidents", "Incidents", "good", "None", "Nothing is broken");
  const note = alone ? `${plural(alone, "has", "have")} nobody on it yet` : "Somebody is on every one";
  return tile("incidents", "Incidents", alone ? "bad" : "warning", `${count(open.length)} open`, note);
}

function alerts(board) {
  const firing = board.alerts.filter((one) => one.state === "firing").length;
  const pending = board.alerts.length - firing;
  const tone = firing ? "bad" : pending ? "warning" : "good";
  const value = firing ? `${count(firing)} firing` : pending ? `${count(pending)} pending` : "None";
  return tile("alerts", "Alerts", tone, value, firing && pending ? `and ${count(pending)} pending` : firing ? "Rules that hold now" : pending ? "Not long enough to fire yet" : "No rule holds");
}

function flights(board) {
  const all = board.deployments;
  const waiting = all.filter((one) => one.state === "planned" && !one.approved).length;
  if (!all.length) return tile("deployments", "Deployments", "muted", "None", "Nothing is being deployed");
  const note = waiting ? `${plural(waiting, "waits", "wait")} for approval` : "Going by their plan";
  return tile("deployments", "Deployments", waiting ? "warning" : "busy", `${count(all.length)} in flight`, note);
}

function onCall(board) {
  const [first, ...rest] = board.on_call;
  if (!first) return tile("oncall", "On call", "muted", "Nobody", "No schedule is set");
  if (!first.person) return tile("oncall", "On call", "warning", "Nobody yet", `${first.schedule} has not started`);
  const until = first.until ? h("span", { title: when(first.until).title }, `until ${day(first.until)}`) : first.schedule;
  const more = rest.length ? ` · ${plural(rest.length, "more schedule", "more schedules")}` : "";
  return tile("oncall", "On call", "good", person(first.person), [until, more]);
}

const TILES = [incidents, alerts, flights, onCall];

class Strip extends HTMLElement {
  connectedCallback() {
    this.nav = this.querySelector("nav"); // the page brings it, so that nothing moves when it is filled
    this.prints = [];
  }

  show(board) {
    TILES.forEach((make, at) => {
      const fresh = make(board);
      if (this.prints[at] === fresh.textContent + fresh.className) return;
      this.prints[at] = fresh.textContent + fresh.className;
      const old = this.nav.children[at];
      const focused = old === document.activeElement;
      old.replaceWith(fresh);
      if (focused) fresh.focus();
    });
  }
}

customElements.define("ph-strip", Strip);
