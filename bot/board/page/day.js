/** A rule's last day as a picture: its states, its value and the deployments on one time axis. */

import { axis, follow, ms, path, placer, stack, WIDE } from "./axis.js";
import { h, svg } from "./dom.js";
import { ask } from "./live.js";
import { clock, now, span, when } from "./time.js";
import { count, number, plural } from "./words.js";

const FRESH = 60_000; // milliseconds a picture counts as new
// How far back, in hours, and the minutes between two times on the axis.
const SPANS = [[1, 10, "1 h"], [6, 60, "6 h"], [24, 180, "24 h"]];
// How high a state stands, so that none is told by colour alone.
const HEIGHT = { inactive: [14, 2], pending: [8, 8], firing: [0, 16], error: [0, 16], unknown: [7, 2] };
const WORD = { inactive: "inactive", pending: "pending", firing: "firing", error: "could not be evaluated", unknown: "nothing evaluated" };
const HOUR = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

function track(segments, place, name) {
  const shapes = segments.map((one) => {
    const [y, height] = HEIGHT[one.state];
    const left = place(ms(one.start)) * WIDE;
    const width = Math.max(1.5, place(ms(one.end)) * WIDE - left);
    return svg("rect", { x: left, y, width, height, class: `day-${one.state}` });
  });
  const told = segments.filter((one) => one.state !== "inactive").slice(-20).map((one) => `${WORD[one.state]} from ${HOUR.format(ms(one.start))} for ${span((ms(one.end) - ms(one.start)) / 1000)}`);
  const label = `${name}: ${told.join("; ") || "inactive the whole time"}`;
  return svg("svg", { viewBox: `0 0 ${WIDE} 16`, preserveAspectRatio: "none", class: "day-track", role: "img", "aria-label": label }, shapes);
}

/** The lowest and highest value to draw, with the threshold inside. */
function bounds(values) {
  const known = values.lines.flatMap((line) => line.points.map(([, value]) => value)).filter((value) => value !== null);
  if (values.threshold !== null) known.push(values.threshold);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  return low === high ? [low - 1, high + 1] : [low, high];
}

function chart(values, place) {
  const [low, high] = bounds(values);
  const y = (value) => 96 - ((value - low) / (high - low)) * 92;
  const x = (at) => place(at) * WIDE;
  const lines = values.lines.map((line, at) => svg("path", { d: path(line.points, x, y), class: `day-line line-${at % 4}` }));
  const limit = values.threshold === null ? null : svg("path", { d: `M0 ${y(values.threshold)}H${WIDE}`, class: "day-limit" });
  const label = `Value between ${number(low)} and ${number(high)}${values.threshold === null ? "" : `, the rule holds where it is ${values.comparison} ${number(values.threshold)}`}`;
  return svg("svg", { viewBox: `0 0 ${WIDE} 100`, preserveAspectRatio: "none", class: "day-chart", role: "img", "aria-label": label }, [limit, ...lines].filter(Boolean));
}

function valueRow(values, place) {
  if (values.error) return [h("span", { class: "day-name" }, "Value"), h("p", { class: "day-said is-warning" }, `The value could not be read: ${values.error}. ${values.remedy}`)];
  if (!values.lines.some((line) => line.points.some(([, value]) => value !== null))) return [h("span", { class: "day-name" }, "Value"), h("p", { class: "day-said soft" }, "The expression had no value in this time.")];
  const [low, high] = bounds(values);
  const limit = values.threshold === null ? null : h("span", { class: "day-limit-name", title: values.expr }, `${values.comparison} ${number(values.threshold)}`);
  // Beside its line, as far as the names of the bounds leave room.
  if (limit) limit.style.top = `${Math.min(78, Math.max(22, 100 * (1 - (values.threshold - low) / (high - low))))}%`;
  const ends = (value) => h("span", null, value === values.threshold ? "" : number(value));
  return [h("span", { class: "day-name day-scale" }, ends(high), limit, ends(low)), chart(values, place)];
}

const nameOf = (labels) => Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(", ") || "(no labels)";

/** Of each series only what its rule does not say already. */
function names(day) {
  const told = ([name, value]) => day.rule.labels[name] !== value;
  return day.series.map((one) => nameOf(Object.fromEntries(Object.entries(one.labels).filter(told))));
}

function marks(day, place) {
  return day.deployments.map((one) => {
    const mark = h("span", { class: "day-mark", title: `${HOUR.format(ms(one.start))}: ${one.text}` });
    mark.style.left = `${place(ms(one.start)) * 100}%`;
    return mark;
  });
}

const at = (segments, moment) => segments.find((one) => ms(one.start) <= moment && moment < ms(one.end))?.state ?? "unknown";

/** What was true under the pointer. */
function readout(day, moment) {
  const line = day.values.lines[0];
  const near = line?.points.reduce((best, point) => (Math.abs(point[0] * 1000 - moment) < Math.abs(best[0] * 1000 - moment) ? point : best), line.points[0]);
  const value = near && near[1] !== null && Math.abs(near[0] * 1000 - moment) < (ms(day.end) - ms(day.start)) / 100 ? ` · ${number(near[1])}` : "";
  return `${HOUR.format(moment)} · ${WORD[at(day.segments, moment)]}${value}`;
}

function picture(day, said, minutes) {
  const place = placer(day);
  const titles = names(day);
  const rows = [
    ...(day.deployments.length ? [[h("span", { class: "day-name" }, "Deployments"), h("span", { class: "day-lane" })]] : []),
    [h("span", { class: "day-name" }, "Rule"), track(day.segments, place, "The rule")],
    ...day.series.map((one, n) => [h("span", { class: "day-name", title: nameOf(one.labels) }, titles[n]), track(one.segments, place, nameOf(one.labels))]),
    valueRow(day.values, place),
    [h("span", { class: "day-name" }), axis(day, place, minutes * 60_000)],
  ];
  const overlay = h("div", { class: "day-over" }, marks(day, place));
  follow(overlay, day, said, (moment) => readout(day, moment));
  return stack(rows, overlay);
}

function notes(day) {
  return [
    day.more_series ? h("p", { class: "soft" }, `${plural(day.more_series, "more series is", "more series are")} not drawn.`) : null,
    day.cut ? h("p", { class: "soft" }, `After ${clock(new Date(day.cut))} there were too many changes to keep for that day.`) : null,
    day.deployments.length ? h("ol", { class: "history" }, day.deployments.map((one) => h("li", null, when(one.start), h("span", null, one.text)))) : null,
  ].filter(Boolean);
}

function legend(day) {
  const seen = new Set([...day.segments, ...day.series.flatMap((one) => one.segments)].map((one) => one.state));
  return h("p", { class: "day-legend", "aria-hidden": "true" }, Object.keys(WORD).filter((name) => seen.has(name)).map((name) =>
    h("span", null, svg("svg", { viewBox: "0 0 16 16", class: "day-key" }, svg("rect", { x: 0, y: HEIGHT[name][0], width: 16, height: HEIGHT[name][1], class: `day-${name}` })), WORD[name])));
}

class Day extends HTMLElement {
  hours = 24;

  connectedCallback() {
    const details = this.closest("details");
    if (!details) return;
    if (!this.children.length) this.append(h("p", { class: "soft day-wait" }, "Reading its last day …"));
    details.addEventListener("toggle", () => { if (details.open) this.load(); });
    if (details.open) this.load();
  }

  async load() {
    if (this.read && now() - this.read < FRESH) return;
    this.read = now();
    try {
      this.show(await ask(`/rules/${encodeURIComponent(this.getAttribute("rule"))}/history?hours=${this.hours}`));
    } catch (error) {
      this.read = null;
      this.replaceChildren(h("p", { class: "is-warning" }, `Its last day could not be read: ${error.message} ${error.remedy ?? ""} Close and open the row to try again.`));
    }
  }

  choose(hours) {
    this.hours = hours;
    this.read = null;
    this.load();
  }

  spans() {
    const focused = this.querySelector(".choices")?.contains(document.activeElement);
    const buttons = SPANS.map(([hours, , word]) => h("button", { type: "button", class: "choice", "aria-pressed": String(hours === this.hours), on: { click: () => this.choose(hours) } }, word));
    if (focused) queueMicrotask(() => this.querySelector("[aria-pressed=true]").focus());
    return h("div", { class: "choices", role: "group", "aria-label": "How far back" }, buttons);
  }

  show(day) {
    const fired = day.segments.filter((one) => one.state === "firing");
    const seconds = fired.reduce((sum, one) => sum + (ms(one.end) - ms(one.start)) / 1000, 0);
    const last = `in the last ${this.hours === 1 ? "hour" : `${this.hours} hours`}`;
    const said = h("p", { class: "day-readout" }, fired.length ? `Fired ${fired.length === 1 ? "once" : `${count(fired.length)} times`} ${last}, ${span(seconds)} in all` : `Did not fire ${last}`);
    const minutes = SPANS.find(([hours]) => hours === this.hours)[1];
    this.replaceChildren(h("div", { class: "day-head" }, said, legend(day), this.spans()), picture(day, said, minutes), ...notes(day));
  }
}

customElements.define("ph-day", Day);
