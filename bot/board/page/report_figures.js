/** DORA's four keys over the time that was chosen, each with its course. */

import { bars, framed, line, titled } from "./bars.js";
import { h, icon, typed } from "./dom.js";
import { span } from "./time.js";
import { count, number, plural } from "./words.js";

const SPANS = [[7, "7 days"], [14, "14 days"], [30, "30 days"], [90, "90 days"], [365, "1 year"]];
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

const two = (value) => String(Number(value.toPrecision(2)));
export const time = (seconds) => (seconds === null ? "–" : span(seconds));
export const rate = (one) => (one.failure_rate === null ? "–" : number(one.failure_rate, "ratio"));

/** 3.2 a day, 1.4 a week or 0.7 a month, whichever is the first to reach one. */
export function frequency(one) {
  if (!one.deployments) return "none";
  if (one.per_day >= 1) return `${one.per_day < 100 ? two(one.per_day) : count(Math.round(one.per_day))} a day`;
  return one.per_day * 7 >= 1 ? `${two(one.per_day * 7)} a week` : `${two(one.per_day * 30)} a month`;
}

/** What the periods are: days or weeks. */
export const unit = (periods) => (periods.length && new Date(periods.at(-1).end) - new Date(periods.at(-1).start) > 90_000_000 ? "week" : "day");
const name = (period, word) => (word === "week" ? `${DAY.format(new Date(period.start))} to ${DAY.format(new Date(period.end))}` : DAY.format(new Date(period.end)));

const most = (values, write) => { const known = values.filter((value) => value !== null); return known.length ? write(Math.max(...known)) : ""; };

// Each figure: what it is called, its value, what it stands on, its picture of the periods, and what it means.
const FIGURES = [
  {
    title: "Deployment frequency",
    value: frequency,
    note: (one) => `${plural(one.deployments, "deployment", "deployments")} succeeded`,
    values: (periods) => periods.map((one) => one.figures.deployments),
    write: count,
    says: (one) => plural(one.deployments, "deployment", "deployments"),
    draw: (values, _, label) => bars(values, null, label),
    means: "How often a change succeeded. Roll-backs are remedies and count as none.",
  },
  {
    title: "Lead time for changes",
    value: (one) => time(one.lead_seconds),
    note: (one) => (one.deployments ? "from when it was asked for, the median" : "nothing succeeded"),
    values: (periods) => periods.map((one) => one.figures.lead_seconds),
    write: span,
    says: (one) => (one.lead_seconds === null ? "nothing succeeded" : span(one.lead_seconds)),
    draw: (values, _, label) => line(values, label),
    means: "How long a change took from when it was asked for until it succeeded. What came before, such as building, is not known here.",
  },
  {
    title: "Change failure rate",
    value: rate,
    note: (one) => (one.changes ? `${count(one.failures)} of ${plural(one.changes, "change", "changes")}` : "no change ended"),
    values: (periods) => periods.map((one) => one.figures.changes),
    write: (value) => plural(value, "change", "changes"),
    says: (one) => `${count(one.failures)} of ${plural(one.changes, "change", "changes")} failed`,
    draw: (values, periods, label) => bars(values, periods.map((one) => one.figures.failures), label),
    means: "The share of changes that failed, were rolled back, or were taken back by the next deployment.",
  },
  {
    title: "Time to restore",
    value: (one) => time(one.restore_seconds),
    note: (one) => [one.restored ? `${plural(one.restored, "failure", "failures")}, the median` : one.unrestored ? "" : "nothing had to be restored", one.unrestored ? `${count(one.unrestored)} not restored yet` : ""].filter(Boolean).join("; "),
    values: (periods) => periods.map((one) => one.figures.restore_seconds),
    write: span,
    says: (one) => (one.restore_seconds === null ? "nothing was restored" : span(one.restore_seconds)),
    draw: (values, _, label) => line(values, label),
    means: "From a failed change, a roll-back or an incident with a suspect until the next success in the same place, or until the incident was resolved.",
  },
];

function figure(one, shown) {
  const { figures, periods } = shown;
  const word = unit(periods);
  const values = one.values(periods);
  const told = periods.map((period) => `${name(period, word)}: ${one.says(period.figures)}`);
  const picture = titled(one.draw(values, periods, `${one.title} by the ${word}. ${told.slice(-8).join("; ")}`), told);
  return h("li", { class: "figure" },
    h("h3", { title: one.means }, one.title),
    h("p", { class: "figure-value" }, one.value(figures)),
    h("p", { class: "figure-note soft" }, one.note(figures)),
    framed(picture, most(values, one.write), name(periods[0], word), name(periods.at(-1), word)));
}

class Figures extends HTMLElement {
  connectedCallback() {
    this.head = h("h1", { id: "figures-title" });
    this.note = h("p", { class: "soft" });
    this.choices = h("div", { class: "choices", role: "group", "aria-label": "How far back" });
    this.list = h("ul", { class: "figures-list card" });
    this.none = h("p", { class: "card nothing" });
    const meanings = h("dl", { class: "facts meanings" }, FIGURES.map((one) => [h("dt", null, one.title), h("dd", null, one.means)]),
      h("dt", null, "Source"), h("dd", null, "DORA's software delivery metrics, the four keys (dora.dev). The API answers them at ", typed("/api/v1/reports/deployments"), ", chat at ", typed("/ops report"), "."));
    this.means = h("details", { class: "means" }, h("summary", { data: { row: "" } }, icon("chevron"), "What the figures mean"), meanings);
    this.append(h("section", { id: "figures", tabindex: "-1", "aria-labelledby": "figures-title" }, h("div", { class: "report-head" }, h("div", null, this.head, this.note), this.choices), this.list, this.none, this.means));
  }

  show(report, chosen) {
    const print = JSON.stringify([chosen, report.figures, report.periods, report.days, report.since]);
    if (print === this.print) return;
    this.print = print;
    const shown = chosen ?? report;
    const empty = !shown.figures.changes && !shown.figures.restored && !shown.figures.unrestored;
    this.head.textContent = chosen ? `${chosen.service} in ${chosen.environment}` : "All services";
    this.note.replaceChildren(`Deployments of the last ${report.days === 1 ? "day" : `${report.days} days`}, by the ${unit(report.periods)}`,
      chosen ? " · " : "", chosen ? h("button", { type: "button", class: "linked", on: { click: () => this.dispatchEvent(new Event("everything")) } }, "Show all services") : "");
    this.offer(report.days);
    this.list.hidden = empty;
    this.none.hidden = !empty;
    this.none.replaceChildren(h("span", null, "Nothing was deployed in this time. "), h("span", { class: "soft" }, typed("/ops deploy"), " in chat starts a deployment; it counts once it has ended."));
    if (!empty) this.list.replaceChildren(...FIGURES.map((one) => figure(one, shown)));
  }

  offer(days) {
    const known = SPANS.some(([each]) => each === days) ? SPANS : [[days, plural(days, "day", "days")], ...SPANS];
    const focused = this.choices.contains(document.activeElement);
    this.choices.replaceChildren(...known.map(([each, word]) => h("button", { type: "button", class: "choice", "aria-pressed": String(each === days), on: { click: () => this.dispatchEvent(new CustomEvent("days", { detail: each })) } }, word)));
    if (focused) this.choices.querySelector("[aria-pressed=true]").focus();
  }
}

customElements.define("ph-figures", Figures);
