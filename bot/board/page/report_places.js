/** Each service in each environment with its figures; one of them can be chosen. */

import { bars } from "./bars.js";
import { h, keyed } from "./dom.js";
import { frequency, rate, time, unit } from "./report_figures.js";
import { count, plural } from "./words.js";

const HEADS = ["Service", "Frequency", "Course", "Lead time", "Failed", "Restored in"];
const key = (one) => `${one.service}/${one.environment}`;

function line(one, chosen, choose) {
  const { figures, periods } = one;
  const word = unit(periods);
  const course = bars(periods.map((each) => each.figures.changes), periods.map((each) => each.figures.failures), `Changes by the ${word}, failures within: ${periods.map((each) => `${each.figures.changes} (${each.figures.failures})`).join(", ")}`, "spark");
  return h("li", null, h("button", { type: "button", class: "line place-line", data: { row: "" }, "aria-pressed": String(chosen), on: { click: choose } },
    h("span", { class: "place" }, h("strong", null, one.service), h("span", { class: "soft" }, one.environment)),
    h("span", { class: "place-often" }, frequency(figures)),
    course,
    h("span", { class: "place-lead" }, time(figures.lead_seconds)),
    h("span", { class: "place-rate" }, rate(figures), h("span", { class: "soft" }, figures.changes ? ` ${count(figures.failures)}/${count(figures.changes)}` : "")),
    h("span", { class: "place-restored" }, time(figures.restore_seconds), figures.unrestored ? h("span", { class: "is-warning" }, ` ${count(figures.unrestored)} not yet`) : null)));
}

class Places extends HTMLElement {
  connectedCallback() {
    this.filter = h("input", { type: "search", class: "filter", placeholder: "Filter by name", "aria-label": "Filter the places", "aria-keyshortcuts": "/", autocomplete: "off", spellcheck: "false", on: { input: () => this.sift() } });
    this.list = h("ul", { class: "rows" });
    this.none = h("p", { class: "nothing", hidden: true });
    this.count = h("span", { class: "count" });
    const head = h("div", { class: "line place-line heads", "aria-hidden": "true" }, HEADS.map((word) => h("span", null, word)));
    this.whole = h("section", { id: "places", tabindex: "-1", "aria-labelledby": "places-title" },
      h("div", { class: "section-head" }, h("h2", { id: "places-title" }, "Services", this.count), this.filter), h("div", { class: "card" }, head, this.list, this.none));
    this.append(this.whole);
  }

  show(report, chosen) {
    const name = chosen ? key(chosen) : "";
    this.whole.hidden = !report.places.length;
    this.count.textContent = count(report.places.length);
    keyed(this.list, report.places.map((one) => ({ ...one, chosen: key(one) === name })), key, (one) => {
      const node = line(one, one.chosen, () => this.dispatchEvent(new CustomEvent("place", { detail: one.chosen ? "" : key(one) })));
      node.dataset.words = key(one).toLowerCase();
      return node;
    });
    this.sift();
  }

  /** Show the rows that hold every word of the filter. */
  sift() {
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const node of this.list.children) {
      node.hidden = !words.every((word) => node.dataset.words.includes(word));
      shown += node.hidden ? 0 : 1;
    }
    this.none.hidden = shown > 0;
    this.none.textContent = `Nothing fits “${this.filter.value.trim()}”. Esc clears the filter.`;
  }
}

customElements.define("ph-places", Places);
