/** The side: who is on call, what was deployed lately, what happened last. */

import { h, keyed, nothing, row, section, setEmpty, typed } from "./dom.js";
import { detail } from "./deployments.js";
import { stateOf, title } from "./steps.js";
import { day, when } from "./time.js";
import { person } from "./words.js";

const SHOWN = 15;

class OnCall extends HTMLElement {
  connectedCallback() {
    this.list = h("ul", { class: "shifts" });
    this.none = nothing("No schedule is set.", "Add one under ", typed("schedules"), " in pilothouse.yaml.");
    this.append(section("oncall", "On call", null, h("div", { class: "card" }, this.list, this.none)));
  }

  show(board) {
    keyed(this.list, board.on_call, (one) => one.schedule, (one) => h("li", { class: "shift" },
      h("span", { class: "soft" }, one.schedule),
      h("strong", null, one.person ? person(one.person) : "nobody yet"),
      h("span", { class: "soft shift-note" }, one.until ? `until ${day(one.until)}` : "has not started", one.after ? `, then ${person(one.after)}` : "")));
    setEmpty(this, !board.on_call.length);
  }
}

/** The rest of a deployment, read when its row is opened. */
async function fill(details, id) {
  const body = details.querySelector(".more");
  const answer = await fetch(`/api/v1/deployments/${encodeURIComponent(id)}`);
  const said = await answer.json();
  body.replaceChildren(...(answer.ok ? detail(said) : [h("p", null, `${said.error.reason} ${said.error.remedy}`)]));
}

function recent(one) {
  const note = h("span", { class: "recent-note soft" }, person(one.requested_by), " · ", when(one.ended_at ?? one.requested_at));
  const node = row("recent", [h("span", { class: "recent-title" }, title(one)), stateOf(one), note], h("p", { class: "soft" }, "Reading …"));
  const details = node.firstChild;
  details.addEventListener("toggle", () => {
    if (details.open) fill(details, one.id).catch(() => details.querySelector(".more").replaceChildren("It could not be read. Close and open it to try again."));
  });
  return node;
}

class Recent extends HTMLElement {
  connectedCallback() {
    this.list = h("ul", { class: "rows" });
    this.none = nothing("None yet.", "Finished deployments are listed here.");
    this.append(section("recent", "Recent deployments", null, h("div", { class: "card" }, this.list, this.none)));
  }

  show(board) {
    const ended = board.recent.filter((one) => one.ended_at).slice(0, 8);
    keyed(this.list, ended, (one) => one.id, recent);
    setEmpty(this, !ended.length);
  }
}

class Events extends HTMLElement {
  connectedCallback() {
    this.list = h("ol", { class: "events" });
    this.none = nothing("Nothing yet.", "Whatever happens is written down and told here.");
    this.append(section("events", "Last events", null, h("div", { class: "card" }, this.list, this.none)));
  }

  show(board) {
    keyed(this.list, board.events.slice(0, SHOWN), (one) => one.position, (one) => h("li", null, when(one.at), h("span", null, one.summary)));
    setEmpty(this, !board.events.length);
  }
}

customElements.define("ph-oncall", OnCall);
customElements.define("ph-recent", Recent);
customElements.define("ph-events", Events);
