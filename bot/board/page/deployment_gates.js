/** What the gates said: each one's latest word, and every measurement there is, the newest first. */

import { h, keyed, nothing, section, setEmpty, state } from "./dom.js";
import { ask } from "./live.js";
import { clock, when } from "./time.js";
import { count, number, plural, VERDICT } from "./words.js";

const PAGE = 200; // older measurements that are asked for at once
const HEADS = ["When", "Gate", "Verdict", "Value", "Needs", "n", "What it stands on"];

const value = (one) => (["query", "comparison"].includes(one.kind) ? number(one.value, one.unit) : one.kind === "health" && one.value !== null ? `${count(one.value)} well` : "–");

/** The counts behind a comparison: 0.8 % of 1,500 (12) beside those of the stable version. */
function compared({ new: fresh, stable, latency, stable_latency: old, chance, level, looks }) {
  const side = (word, one) => `${word} ${number(one.ratio, "ratio")} · ${count(one.errors)}/${count(one.requests)}`;
  return [
    [side("new", fresh), stable ? side("stable", stable) : ""].filter(Boolean).join(", "),
    latency === null ? "" : `latency ${number(latency, "seconds")}${old === null ? "" : ` beside ${number(old, "seconds")}`}`,
    chance === null ? "" : `by chance ${number(chance, "ratio")}, fails below ${number(level, "ratio")}, look ${count(looks)}`,
  ].filter(Boolean).join("; ");
}

function stands(one) {
  return [one.note ? h("span", null, one.note) : null,
    one.compared && !one.note.includes(" errors (") ? h("span", { class: "soft" }, compared(one.compared)) : null, // the note has the counts already
    one.query && one.query !== one.kind ? h("code", { class: "query soft", title: one.query }, one.query) : null];
}

function row(one, exact) {
  const [tone, word] = VERDICT[one.verdict] ?? ["muted", one.verdict];
  const cells = [
    h("td", { class: "m-when" }, exact ? h("time", { datetime: one.at, title: when(one.at).title }, clock(new Date(one.at))) : when(one.at)),
    h("th", { scope: "row", class: "m-gate" }, one.gate),
    h("td", { class: "m-verdict" }, state(tone, word)),
    h("td", { class: "m-value is-number" }, value(one)),
    h("td", { class: "m-needs is-number soft" }, one.threshold || "–"),
    h("td", { class: `m-n is-number soft${one.samples === null ? " is-none" : ""}` }, one.samples === null ? "–" : count(one.samples)),
    h("td", { class: "m-why" }, stands(one)),
  ];
  return h("tr", null, cells);
}

function unasked(gate, now) {
  return h("tr", null, h("td", { class: "m-when soft" }, "–"), h("th", { scope: "row", class: "m-gate" }, gate.name),
    h("td", { class: "m-verdict soft", colspan: "5" }, now ? "not asked yet" : "was not asked"));
}

function table(body, label) {
  const head = HEADS.map((word, at) => h("th", { scope: "col", class: at > 2 && at < 6 ? "is-number" : null }, word));
  return h("table", { class: "gates measured", "aria-label": label }, h("thead", null, h("tr", null, head)), body);
}

class Gates extends HTMLElement {
  connectedCallback() {
    this.known = new Map(); // measurements by number
    this.gate = ""; // of which all measurements are shown; "" of every one
    this.latest = h("tbody");
    this.rows = h("tbody");
    this.none = nothing("No gate.", "Gates are named under strategies in pilothouse.yaml; a step passes when each of them does.");
    this.older = h("button", { type: "button", class: "show-all", hidden: true, on: { click: () => this.more() } });
    this.count = h("span", { class: "count" });
    this.choices = h("div", { class: "choices", role: "group", "aria-label": "Which gate" });
    this.box = h("div", { class: "measured-box", tabindex: "0", role: "region", "aria-label": "Every measurement, the newest first" }, table(this.rows, "Every measurement"), this.older);
    this.every = h("div", { class: "measured-all" }, h("div", { class: "section-head" }, h("h3", null, "Every measurement", this.count), this.choices), h("div", { class: "card" }, this.box));
    this.first = table(this.latest, "The latest of each gate");
    this.append(section("gates", "Gates", null, h("div", { class: "card" }, this.first, this.none)));
    this.append(this.every);
  }

  show(page) {
    this.page = page;
    const { gates } = page.deployment.plan;
    this.first.hidden = !gates.length;
    setEmpty(this, !gates.length);
    this.take(page.measurements);
    const newest = new Map();
    for (const one of this.sorted()) if (!newest.has(one.gate)) newest.set(one.gate, one);
    const ended = page.deployment.ended_at !== null;
    const latest = gates.map((gate) => newest.get(gate.name) ?? { gate: gate.name, verdict: null, ended });
    keyed(this.latest, latest, (one) => one.gate, (one) => (one.verdict === null ? unasked({ name: one.gate }, !ended) : row(one, false)));
    this.list();
  }

  /** Add what came. Where the newest do not reach what is known, that is let go: it can be read again. */
  take({ measurements, total, next }) {
    this.total = total;
    const lowest = measurements.at(-1)?.number ?? 1;
    const highest = Math.max(0, ...this.known.keys());
    if (lowest > highest + 1) this.known.clear();
    if (!this.known.size) this.next = next;
    for (const one of measurements) this.known.set(one.number, one);
  }

  async more() {
    this.older.disabled = true;
    try {
      const found = await ask(`${this.page.path}/measurements?limit=${PAGE}&cursor=${this.next}`);
      for (const one of found.measurements) this.known.set(one.number, one);
      this.next = found.next;
      this.list();
    } catch (error) {
      this.older.textContent = `${error.message} Try again`;
    }
    this.older.disabled = false;
  }

  sorted() {
    return [...this.known.values()].sort((one, other) => other.number - one.number);
  }

  offer(names) {
    const print = JSON.stringify([names, this.gate]);
    this.choices.hidden = names.length < 2;
    if (print === this.offered) return;
    this.offered = print;
    const focused = this.choices.contains(document.activeElement);
    this.choices.replaceChildren(...["", ...names].map((name) => h("button", { type: "button", class: "choice", "aria-pressed": String(name === this.gate), on: { click: () => this.choose(name) } }, name || "All")));
    if (focused) this.choices.querySelector("[aria-pressed=true]").focus();
  }

  choose(name) {
    this.gate = name;
    this.show(this.page);
  }

  list() {
    this.offer([...new Set([...this.known.values()].map((one) => one.gate))].sort());
    const shown = this.sorted().filter((one) => !this.gate || one.gate === this.gate);
    keyed(this.rows, shown, (one) => one.number, (one) => row(one, true));
    this.every.hidden = !this.total;
    this.count.textContent = count(this.total);
    this.older.hidden = !this.next;
    this.older.textContent = `Show ${plural(Math.min(PAGE, Number(this.next) - 1), "older one", "older ones")}`;
  }
}

customElements.define("ph-gates", Gates);
