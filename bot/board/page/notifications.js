/** Notifications: who was told what, when and why, and who could not be told. */

import { facts, h, keyed, row, state } from "./dom.js";
import { day, when } from "./time.js";
import { code, count } from "./words.js";

const WHY = {
  first: "nothing was told of it before",
  "new alerts fire": "new alerts fire",
  "all resolved": "all are resolved",
  "some resolved": "some are resolved",
  "repeat interval passed": "the repeat interval has passed",
};

function counts(one) {
  return [one.firing ? `${count(one.firing)} firing` : "", one.resolved ? `${count(one.resolved)} resolved` : ""].filter(Boolean).join(", ");
}

function labels(one) {
  const pairs = Object.entries(one.labels);
  if (!pairs.length) return h("span", { class: "soft" }, "all alerts together");
  return pairs.map(([name, value]) => h("span", { class: "label" }, h("span", { class: "soft" }, `${name}=`), value));
}

function line(one) {
  return [
    one.error === null ? state("good", "Told") : state("bad", "Not told"),
    h("span", { class: "notification-to" }, h("strong", null, one.receiver), h("span", { class: "soft" }, `[${one.integration}]`)),
    h("span", { class: "labels" }, labels(one)),
    h("span", { class: "notification-counts" }, counts(one)),
    when(one.at),
    one.error === null ? h("span", { class: "alert-note" }, `As ${WHY[one.reason]}`) : h("span", { class: "alert-note is-warning" }, one.error),
  ];
}

function more(one) {
  return facts([
    ["At", day(one.at)],
    ["Why", WHY[one.reason]],
    ["Alerts", counts(one)],
    ["Receiver", `${one.receiver}, integration ${one.integration}`],
    ["Group", code(one.group)],
    ["Failure", one.error ?? ""],
  ]);
}

class Notifications extends HTMLElement {
  connectedCallback() {
    this.list = h("ul", { class: "rows" });
    this.none = h("p", { class: "nothing", hidden: true }, "Nobody was told anything yet. ", h("span", { class: "soft" }, "When a group of alerts is told, it appears here with the receiver and the reason."));
    this.rest = h("button", { type: "button", class: "show-all", hidden: true, on: { click: () => this.dispatchEvent(new Event("more")) } }, "Show older ones");
    this.append(h("div", { class: "card" }, this.list, this.none, this.rest));
  }

  show(found) {
    keyed(this.list, found.notifications, (one) => one.position, (one) => row("notification", line(one), more(one)));
    this.none.hidden = found.notifications.length > 0;
    this.rest.hidden = !found.next;
  }
}

customElements.define("ph-notifications", Notifications);
