/** What was deployed in one place, and the revisions that one can go back to. The newest come with the page. */

import { h, keyed } from "./dom.js";
import { ask } from "./live.js";
import { rollBack } from "./service_deeds.js";
import { address, stateOf } from "./steps.js";
import { when } from "./time.js";
import { code, count, person } from "./words.js";

const PAGE = 50;

/** A list with its title, that scrolls, and a button for what is older. */
class Past {
  constructor(title, none, keyOf) {
    this.keyOf = keyOf;
    this.older = []; // once older ones were read, all that was shown since: the newest move on, and none is lost
    this.list = h("ul", { class: "decisions" });
    this.none = h("p", { class: "soft past-none", hidden: true }, none);
    this.said = h("p", { class: "deeds-said", role: "alert", hidden: true });
    this.all = h("button", { type: "button", class: "show-all", hidden: true, on: { click: () => this.read() } });
    const box = h("div", { class: "past-box", tabindex: "0", role: "region", "aria-label": title }, this.list, this.none, this.said, this.all);
    this.node = h("div", { class: "past" }, h("h3", null, title), box);
  }

  /** The newest, as they came with the page, and those read before. */
  join(newest) {
    const known = new Set(newest.map(this.keyOf));
    this.items = [...newest, ...this.older.filter((one) => !known.has(this.keyOf(one)))];
    if (this.older.length) this.older = this.items;
    return this.items;
  }

  /** Show these rows; `label` is what the button for older ones says, "" without one. */
  put(rows, build, label) {
    keyed(this.list, rows, this.keyOf, build);
    this.none.hidden = rows.length > 0;
    this.all.hidden = !label;
    this.all.textContent = label;
  }

  async read() {
    this.all.disabled = true;
    this.all.textContent = "Reading …";
    try {
      const found = await this.more();
      const fresh = new Set(found.map(this.keyOf));
      this.older = [...this.items.filter((one) => !fresh.has(this.keyOf(one))), ...found];
      this.said.hidden = true;
    } catch (error) {
      this.said.hidden = false;
      this.said.textContent = `${error.message} ${error.remedy ?? "Try again."}`;
    }
    this.all.disabled = false;
    this.show(this.place, this.page);
  }
}

function deployment(one) {
  const what = one.purpose === "roll_back" ? "Roll back to " : "Deploy ";
  return h("li", { class: "decision" }, h("a", { class: "past-what", href: address(one.id), data: { row: "" } }, what, code(one.version)), stateOf(one),
    h("span", { class: "soft" }, person(one.requested_by), " · ", when(one.ended_at ?? one.requested_at)));
}

export class Deployments extends Past {
  constructor() {
    super("Deployments", "None yet. /ops deploy in chat, or pilothouse deploy, starts one.", (one) => one.id);
    this.next = null; // the cursor once older ones were read
    this.whole = false;
  }

  show(place, page) {
    [this.place, this.page] = [place, page];
    this.put(this.join(place.deployments), deployment, place.more_deployments && !this.whole ? "Show older ones" : "");
  }

  async more() {
    const { service, environment } = this.place.component;
    const cursor = this.next ?? this.items.at(-1).id;
    const found = await ask(`/deployments?${new URLSearchParams({ service, environment, cursor, limit: PAGE })}`);
    this.next = found.next;
    this.whole = found.next === null;
    return found.deployments;
  }
}

export class Revisions extends Past {
  constructor() {
    super("Revisions", "None yet. Each deployment that succeeds is one, to go back to.", (one) => one.revision);
  }

  show(place, page) {
    [this.place, this.page] = [place, page];
    const { component: one, releases, released, may } = place;
    const newest = releases[0]?.revision;
    const bad = new Set(page.bad_versions.map((each) => each.version));
    const items = this.join(releases);
    const runs = { stopped: "stopped", unregistered: "" }[one.state] ?? "runs";
    const rows = items.map((each) => ({ ...each, bad: bad.has(each.version), runs: each.revision === newest && one.version === each.version ? runs : "", back: may.includes("roll_back") && each.revision !== newest }));
    this.put(rows, (each) => this.row(each), items.length < released ? `Show all ${count(released)}` : "");
  }

  row(each) {
    const back = h("button", { type: "button", class: "button plain small", "aria-label": `Roll back to revision ${each.revision}`, on: { click: () => rollBack(this.place.component, each) } }, "Roll back");
    const how = each.purpose === "roll_back" ? (each.returned_to ? `back to ${each.returned_to}` : "rolled back") : "";
    return h("li", { class: "decision revision" }, h("span", { class: "revision-number" }, `${each.revision}`), code(each.version),
      each.runs ? h("span", { class: "chip" }, each.runs) : null, each.bad ? h("span", { class: "chip is-warning" }, "known to be bad") : null,
      h("span", { class: "soft" }, how ? `${how} · ` : "", person(each.by), " · ", when(each.at)), each.back ? back : null);
  }

  async more() {
    const { service, environment } = this.place.component;
    return (await ask(`/components/${encodeURIComponent(service)}/${encodeURIComponent(environment)}/history`)).releases;
  }
}
