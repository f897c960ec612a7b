/** Silences: what they mute, who made them and why, and how long they last. */

import { endSilence } from "./dialogs.js";
import { facts, h, keyed, row, state, typed } from "./dom.js";
import { day, when } from "./time.js";
import { code, count, person, plural } from "./words.js";

const SILENCE = { active: ["busy", "Active"], pending: ["warning", "Pending"], expired: ["muted", "Expired"] };

function time(one) {
  if (one.state === "active") return one.until_resolved ? h("span", { class: "soft", title: `At the latest ${day(one.ends_at)}` }, "until resolved") : when(one.ends_at, "left", "ending");
  return one.state === "pending" ? h("span", { class: "soft" }, "begins ", when(one.starts_at, "in", "now")) : when(one.ends_at);
}

function mutes(one) {
  if (one.state !== "active") return "";
  return one.mutes ? `mutes ${plural(one.mutes, "alert", "alerts")}` : "mutes nothing now";
}

function line(one) {
  const [tone, word] = SILENCE[one.state];
  return [
    state(tone, word),
    h("span", { class: "labels" }, one.matchers.map((text) => h("span", { class: "label" }, text))),
    h("span", { class: "silence-mutes" }, mutes(one)),
    time(one),
    h("span", { class: "alert-note" }, h("span", null, person(one.created_by)), one.comment ? h("span", { class: "soft" }, one.comment) : null),
  ];
}

function more(one, may, changed) {
  return [
    facts([
      ["From", day(one.starts_at)],
      ["To", one.until_resolved && one.state !== "expired" ? `when nothing that matches fires any more, ${day(one.ends_at)} at the latest` : day(one.ends_at)],
      ["Ended by", one.ended_by === "system" ? "nothing that matches fired any more" : one.ended_by ? person(one.ended_by) : ""],
      ["Incident", one.incident ? code(one.incident) : ""],
      ["Changed", when(one.updated_at)],
      ["Id", code(one.id)],
    ]),
    may && one.state !== "expired" ? h("div", { class: "deeds" }, h("button", { type: "button", class: "button plain", on: { click: () => endSilence(one, changed) } }, "End it now …")) : null,
  ];
}

class Silences extends HTMLElement {
  connectedCallback() {
    this.list = h("ul", { class: "rows" });
    this.none = h("p", { class: "nothing", hidden: true });
    this.rest = h("button", { type: "button", class: "show-all", hidden: true, on: { click: () => this.dispatchEvent(new Event("more")) } });
    this.append(h("div", { class: "card" }, this.list, this.none, this.rest));
  }

  show(found, { may, filtered, which, changed }) {
    const shown = which === "all" ? found.silences : found.silences.filter((one) => one.state === which);
    keyed(this.list, shown.map((one) => ({ ...one, may })), (one) => one.id, (one) => {
      const node = row("silence", line(one), more(one, may, changed));
      node.id = one.id;
      return node;
    });
    this.none.hidden = shown.length > 0;
    this.none.replaceChildren(...none(filtered, which));
    this.rest.hidden = !found.more;
    this.rest.textContent = `Show ${count(found.more)} more`;
  }
}

function none(filtered, which) {
  if (filtered) return ["No silence speaks of that. ", h("span", { class: "soft" }, "Esc clears the filter.")];
  if (which !== "all") return [`None is ${which}.`];
  return ["No silences. ", h("span", { class: "soft" }, typed("/ops silence"), " in chat makes one, and so does “Silence …” in an opened alert, for whoever is signed in.")];
}

customElements.define("ph-silences", Silences);
