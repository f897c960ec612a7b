/** Release trains: the waves, each service and how it stands, who agreed, and what was taken back. */

import { deedRow } from "./deeds.js";
import { send } from "./dialogs.js";
import { h, icon, keyed, nothing, section, setEmpty, state, typed } from "./dom.js";
import { refresh } from "./frame.js";
import { history, link } from "./steps.js";
import { span, when } from "./time.js";
import { code, named, PART, person, plural, serviceAddress, TRAIN } from "./words.js";

/** The address of a train's page. */
export const trainAddress = (id) => `/trains/${encodeURIComponent(id)}`;

/** `Train of 3 services to production`. */
export const trainTitle = (one) => `Train of ${plural(one.services.length, "service", "services")} to ${one.environment}`;

const DEEDS = {
  approve: { word: () => "Approve all", kind: "" },
  reject: { word: () => "Reject", kind: "plain" },
  abort: {
    word: (one) => (one.state === "stuck" ? "Try to go back again" : "Abort"), kind: "danger",
    ask: (one) => (one.state === "stuck"
      ? ["Try to go back once more?", "What was not taken back is tried again.", "Try again"]
      : ["Abort the train?", "What is in flight is aborted, and what is out is rolled back, the last wave first.", "Abort it"]),
  },
};

async function act(name, one) {
  await send(`${trainAddress(one.id)}/${name}`, name === "approve" ? { digest: one.digest } : {});
  refresh();
}

function part(one, train) {
  const [tone, word] = PART[one.state] ?? ["muted", one.state];
  const first = train.state === "planned" && !one.previous ? "its first deployment: going back would stop it" : "";
  return h("li", { class: "train-part" }, state(tone, word),
    h("a", { href: serviceAddress(one.service, train.environment) }, h("strong", null, one.service)),
    h("span", { class: "train-versions" }, one.previous ? code(one.previous) : h("span", { class: "soft" }, "nothing"), " → ", code(one.version)),
    h("span", { class: "train-note soft" }, one.deployment ? [link(one.deployment), " "] : "", [one.state === "done" ? "" : one.note, one.reason, first].filter(Boolean).map(named).join(" · ")));
}

function waves(one) {
  const numbers = [...new Set(one.services.map((each) => each.wave))];
  return h("ol", { class: "waves" }, numbers.map((wave) => h("li", null, h("h3", null, `Wave ${wave}`),
    h("ul", null, one.services.filter((each) => each.wave === wave).map((each) => part(each, one))))));
}

function standing(one) {
  const out = one.services.filter((each) => each.state === "done").length;
  const back = one.services.filter((each) => each.state === "undone").length;
  const done = { running: `${out} of ${one.services.length} out`, going_back: `${back} taken back` }[one.state];
  const took = one.started_at && one.ended_at ? `Took ${span((new Date(one.ended_at) - new Date(one.started_at)) / 1000)}` : "";
  return [done, took].filter(Boolean).join(" · ");
}

function agreed(one) {
  if (!one.decisions) return one.approved_by.length ? [h("li", null, `Approved by ${one.approved_by.map(person).join(", ")}`)] : [];
  const left = one.approvals_needed - new Set(one.approved_by).size;
  const waits = one.state === "planned" && left > 0
    ? h("li", null, state("warning", `${plural(left, "more approval", "more approvals")} needed`), h("span", { class: "soft" }, one.group ? ` by members of ${one.group}` : "", one.four_eyes ? ", not of who asked" : "", one.expires_at ? [", ", when(one.expires_at, "left", "expired")] : null)) : null;
  const said = one.decisions.map((each) => h("li", null, state(each.approved ? "good" : "bad", `${each.approved ? "Approved" : "Rejected"} by ${person(each.person)}`), " ", when(each.at)));
  return [waits, ...said, one.aborted_by ? h("li", null, state("warning", `Abort asked for by ${person(one.aborted_by)}`)) : null].filter(Boolean);
}

function body(one, heading) {
  const [tone, word] = one.state === "planned" && one.approved_by.length >= one.approvals_needed ? ["busy", "Starting"] : TRAIN[one.state] ?? ["muted", one.state];
  return {
    head: [h(heading, { class: "train-title" }, heading === "h1" ? trainTitle(one) : h("a", { href: trainAddress(one.id) }, trainTitle(one))), state(tone, word),
      h("span", { class: "flight-by soft" }, `${person(one.requested_by)} · `, when(one.requested_at), " · ", code(one.id))],
    remarks: [one.reason ? h("p", null, named(one.reason)) : null, standing(one) ? h("p", { class: "soft" }, standing(one)) : null,
      ...(one.overrides ?? []).map((each) => h("p", null, state("warning", `Overridden by ${person(each.by)}: ${each.what} Reason: ${each.reason}`))),
      ...(one.warnings ?? []).map((each) => h("p", null, state("warning", each)))].filter(Boolean),
    rest: [waves(one), h("ul", { class: "train-agreed" }, agreed(one))],
  };
}

/** A train as a card that is kept and brought up to date: its buttons where it has `offers`, and what happened. */
export class TrainCard {
  constructor(id, heading, open) {
    this.heading = heading;
    this.head = h("div", { class: "sheet-head" });
    this.remarks = h("div", { class: "remarks" });
    this.rest = h("div");
    this.deeds = deedRow(DEEDS, act);
    this.story = h("div", { class: "more" });
    const past = h("details", { class: "flight-more", open }, h("summary", { data: { row: "" } }, icon("chevron"), "What happened"), this.story);
    this.node = h("section", { class: "card train", tabindex: "-1", "aria-label": `Train ${id}` }, this.head, this.remarks, this.deeds.node, this.rest, past);
  }

  show(one, page) {
    if (one.offers) this.deeds.show({ ...one, you: page.you }, [one.state, one.digest]);
    const print = JSON.stringify([one, page.people]);
    if (print === this.print) return;
    this.print = print;
    const { head, remarks, rest } = body(one, this.heading);
    this.remarks.replaceChildren(...remarks);
    this.head.replaceChildren(...head);
    this.rest.replaceChildren(...rest);
    this.story.replaceChildren(history(one.history));
  }
}

/** Bring the cards of `list` up to date with these trains, in their order; `known` keeps them by id. */
export function showTrains(list, known, page, heading, open) {
  for (const one of page.trains) {
    if (!known.has(one.id)) known.set(one.id, new TrainCard(one.id, heading, open));
    known.get(one.id).show(one, page);
  }
  keyed(list, page.trains.map((one) => one.id), (id) => id, (id) => h("li", null, known.get(id).node));
}

class UnderWay extends HTMLElement {
  connectedCallback() {
    this.known = new Map();
    this.list = h("ul", { class: "trains" });
    this.none = nothing("None under way.", typed("/ops train"), " in chat deploys several services as one.");
    const whole = section("trains", "Release trains", null, this.list, h("div", { class: "card" }, this.none));
    whole.querySelector(".section-head").append(h("a", { href: "/trains", class: "section-link" }, "All trains"));
    this.append(whole);
  }

  show(board) {
    showTrains(this.list, this.known, board, "h3", false);
    setEmpty(this, !board.trains.length);
    this.none.parentElement.hidden = board.trains.length > 0;
  }
}

customElements.define("ph-trains-under-way", UnderWay);
