/** Alerts in the groups they are told in: who is told, since when, and what mutes them. */

import { makeSilence } from "./dialogs.js";
import { facts, h, icon, keyed, row, state } from "./dom.js";
import { when } from "./time.js";
import { code, count, number, person, plural } from "./words.js";

const ALERT = { active: ["bad", "Active"], suppressed: ["muted", "Muted"], pending: ["warning", "Pending"] };


const label = (name, value) => h("span", { class: "label" }, h("span", { class: "soft" }, `${name}=`), value);

/** Labels that the group's head does not say already. */
const own = (one, group) => Object.entries(one.labels).filter(([name]) => name !== "alertname" && !(name in group.labels));

const followed = (text) => /^https?:\/\/[^\s]+$/.test(text);

/** An address that a person may follow, as a link; anything else as the text it is. */
export function link(text, word = text) {
  return followed(text) ? h("a", { href: text, target: "_blank", rel: "noreferrer" }, word) : text;
}

function muted(one) {
  return one.muted_by.map((mute) => h("span", { class: "muted-by" },
    mute.kind === "silence" ? ["Silenced by ", h("a", { href: `/alerts?view=silences#${mute.id}` }, [mute.by ? person(mute.by) : "a silence", mute.text].filter(Boolean).join(": "))] : ["Inhibited by ", h("strong", null, mute.text)]));
}

function line(one, group) {
  const [tone, word] = ALERT[one.state];
  const summary = one.annotations.summary ?? one.annotations.description ?? "";
  return [
    state(tone, word),
    h("strong", { class: "alert-name" }, one.name || "(no name)"),
    h("span", { class: "labels" }, own(one, group).map(([name, value]) => label(name, value))),
    h("span", { class: "alert-value" }, one.value === null ? "" : number(one.value)),
    when(one.since, "since"),
    summary || one.muted_by.length ? h("span", { class: "alert-note" }, summary ? h("span", null, summary) : null, muted(one)) : null,
  ];
}

function more(one, may, changed) {
  const deeds = [
    followed(one.link) ? h("a", { class: "button plain", href: one.link, target: "_blank", rel: "noreferrer" }, one.source === "rules" ? "Open the query in Prometheus" : "Open its source") : null,
    one.rule ? h("a", { class: "button plain", href: `/alerts?view=rules#${one.rule}` }, "The rule and its last day") : null,
    may ? h("button", { type: "button", class: "button plain", on: { click: () => makeSilence(one.labels, changed) } }, "Silence …") : null,
  ].filter(Boolean);
  return [
    facts([
      ...Object.entries(one.annotations).map(([name, value]) => [name, link(value)]),
      ...Object.entries(one.labels).map(([name, value]) => [name, code(value)]),
      ["Told by", one.source === "rules" ? "our rules" : one.source],
      ["Fingerprint", code(one.fingerprint)],
    ]),
    deeds.length ? h("div", { class: "deeds" }, deeds) : null,
  ];
}

function head(group) {
  const labels = Object.entries(group.labels);
  const parts = [["active", "bad"], ["pending", "warning"], ["suppressed", "muted"]].filter(([name]) => group.counts[name]);
  return [
    h("h2", { class: "group-title" }, group.receiver === null ? "Pending" : group.receiver),
    h("span", { class: "labels" }, labels.map(([name, value]) => label(name, value))),
    group.receiver === null ? h("span", { class: "soft" }, "holds, but not for long enough to be told") : null,
    group.muted_by.length ? h("span", { class: "muted-by" }, `Not told now: ${group.muted_by.join(", ")}`) : null,
    h("span", { class: "group-counts" }, parts.map(([name, tone]) => state(tone, `${count(group.counts[name])} ${ALERT[name][1].toLowerCase()}`))),
  ];
}

/** One group; stays the same element as its alerts come and go. */
class Group {
  constructor(key, whole) {
    this.head = h("div", { class: "group-head" });
    this.list = h("ul", { class: "rows" });
    this.rest = h("button", { type: "button", class: "show-all", hidden: true, on: { click: () => whole(key) } });
    this.node = h("section", { class: "group card" }, this.head, this.list, this.rest);
  }

  show(group, may, changed) {
    const print = JSON.stringify({ ...group, alerts: null });
    if (print !== this.print) {
      this.print = print;
      this.head.replaceChildren(...head(group).filter(Boolean));
    }
    keyed(this.list, group.alerts.map((one) => ({ ...one, may })), (one) => one.fingerprint, (one) => row("alert", line(one, group), more(one, may, changed)));
    const left = group.counts.active + group.counts.suppressed + group.counts.pending - group.alerts.length;
    this.rest.hidden = left <= 0;
    this.rest.textContent = `Show ${plural(left, "more alert", "more alerts")} of this group`;
  }
}

class AlertGroups extends HTMLElement {
  connectedCallback() {
    this.groups = new Map();
    this.list = h("div", { class: "groups" });
    this.none = h("p", { class: "nothing card", hidden: true });
    this.rest = h("button", { type: "button", class: "show-all card", hidden: true, on: { click: () => this.dispatchEvent(new Event("more")) } });
    this.append(this.list, this.none, this.rest);
  }

  show(found, { may, filtered, changed }) {
    const kept = new Map();
    found.groups.forEach((group, at) => {
      const card = this.groups.get(group.key) ?? new Group(group.key, (key) => this.dispatchEvent(new CustomEvent("whole", { detail: key })));
      kept.set(group.key, card);
      card.show(group, may, changed);
      if (this.list.children[at] !== card.node) this.list.insertBefore(card.node, this.list.children[at] ?? null);
    });
    for (const [key, card] of this.groups) if (!kept.has(key)) card.node.remove();
    this.groups = kept;
    this.none.hidden = found.groups.length > 0 || found.more_groups > 0;
    this.none.replaceChildren(...none(filtered));
    this.rest.hidden = !found.more_groups;
    this.rest.replaceChildren(icon("chevron"), `Show ${plural(found.more_groups, "more group", "more groups")}`);
  }
}

function none(filtered) {
  if (filtered) return [h("span", null, "No alert fits."), " ", h("span", { class: "soft" }, "Esc clears the filter.")];
  return [h("span", null, "No alerts."), " ", h("span", { class: "soft" }, "A rule whose condition holds appears here as pending, then in the group in which it is told. Prometheus may also send alerts to "), code("/alertmanager"), "."];
}

customElements.define("ph-alert-groups", AlertGroups);
