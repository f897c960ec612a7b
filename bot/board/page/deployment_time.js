/**
 * A deployment over time, on one axis: its phases, the weight the router reported, what the gates said, and what the
 * metrics server knows of the same queries and of the service's figures.
 */

import { axis, follow, ms, path, placer, stack, stepFor, WIDE } from "./axis.js";
import { h, nothing, section, setEmpty, svg } from "./dom.js";
import { stepName } from "./steps.js";
import { clock, span } from "./time.js";
import { number, VERDICT } from "./words.js";

const LINES = 4;
const NARROW = 0.05; // of the width: a phase that is shorter has its name in the title only
const PHASE = { planned: "Waiting", backup: "Backup", starting: "Starting", paused: "Paused", promoting: "Promoting", rolling_back: "Going back" };

const phaseName = (plan, one) => (one.name === "step" ? stepName(plan, one.step) || `Step ${one.step + 1}` : PHASE[one.name] ?? one.name);
const until = (one, end) => (one.end ? ms(one.end) : ms(end));

/** What was going on, as pieces of a lane; each has its word, or at least its title. */
function phases(page, place) {
  const { plan } = page.deployment;
  const shown = page.phases.filter((one) => until(one, page.end) > ms(page.start));
  const pieces = shown.map((one) => {
    const name = phaseName(plan, one);
    const length = span((until(one, page.end) - ms(one.start)) / 1000);
    const left = place(ms(one.start));
    const width = place(until(one, page.end)) - left;
    const piece = h("span", { class: `phase phase-${one.name}`, title: `${name} from ${clock(ms(one.start))} for ${length}` }, width < NARROW ? "" : name);
    piece.style.left = `${left * 100}%`;
    piece.style.width = `${width * 100}%`;
    return piece;
  });
  const told = shown.map((one) => `${phaseName(plan, one)} from ${clock(ms(one.start))}`).join("; ");
  return h("div", { class: "phases", role: "img", "aria-label": `Phases: ${told}` }, pieces);
}

/** The router's weight as stairs; nothing but 0 before the first. */
function weight(page, place) {
  const y = (percent) => 98 - percent * 0.96;
  const stairs = [[ms(page.start) / 1000, page.deployment.previous ? 0 : page.weights[0]?.[1] ?? 0], ...page.weights];
  let drawn = `M0 ${y(stairs[0][1])}`;
  for (const [at, percent] of stairs.slice(1)) drawn += `H${(place(at * 1000) * WIDE).toFixed(1)}V${y(percent).toFixed(1)}`;
  drawn += `H${WIDE}`;
  const label = `Weight of ${page.deployment.version}: ${page.weights.map(([at, percent]) => `${percent} % from ${clock(at * 1000)}`).join("; ") || "0 %"}`;
  return svg("svg", { viewBox: `0 0 ${WIDE} 100`, preserveAspectRatio: "none", class: "day-chart weight-chart", role: "img", "aria-label": label },
    [svg("path", { d: `${drawn}V98H0Z`, class: "weight-area" }), svg("path", { d: drawn, class: "day-line" })]);
}

const scale = (name, high, low) => h("span", { class: "day-name day-scale" }, h("span", { class: "soft" }, high), h("span", { class: "scale-name", title: name }, name), h("span", null, low));

/** The pictures by name: what the gates measured, and what the metrics server knows of the same. */
function charts(page, pictures) {
  const known = new Map((pictures?.pictures ?? []).map((one) => [one.name, one]));
  const gates = page.gates.map((gate) => ({ ...gate, metrics: known.get(gate.name) }));
  const names = new Set(gates.map((gate) => gate.name));
  const figures = [...known.values()].filter((one) => !names.has(one.name)).map((one) => ({ ...one, gate: null, verdicts: [], metrics: one }));
  return [...gates, ...figures].map((one) => ({ ...one, metrics: one.metrics && { ...one.metrics, lines: one.metrics.lines.map((line) => ({ ...line, points: within(line.points, page) })) } }));
}

const real = (points) => points.filter(([, value]) => value !== null);
const lines = (one) => (one.metrics?.lines.some((line) => real(line.points).length) ? one.metrics.lines : one.lines).slice(0, LINES);
const within = (points, page) => points.filter(([at]) => at * 1000 >= ms(page.start) && at * 1000 <= ms(page.end));

/** What the gate itself measured, where the line is of the metrics server. */
const dots = (one) => (one.gate && one.lines.length ? one.lines[0].points.map(([at, value], n) => ({ at, value, verdict: one.verdicts[n]?.verdict ?? "pass" })).filter((dot) => dot.value !== null) : []);

function bounds(one) {
  const values = [...lines(one).flatMap((line) => real(line.points).map(([, value]) => value)), ...dots(one).map((dot) => dot.value)];
  if (!values.length) return null;
  const most = Math.max(...values);
  const near = one.threshold !== null && (most === 0 || one.threshold <= 4 * most); // a limit far off would flatten the line
  const [low, high] = [Math.min(0, ...values), Math.max(most, near ? one.threshold : 0)];
  return low === high ? [low, low + 1] : [low, high];
}

const DOT = { pass: 5, inconclusive: 5, fail: 8, error: 7 };

function chart(one, place) {
  const [low, high] = bounds(one);
  const y = (value) => 96 - ((value - low) / (high - low)) * 92;
  const x = (at) => place(at) * WIDE;
  const drawn = lines(one).map((line, n) => svg("path", { d: path(line.points, x, y), class: `day-line line-${n}` }));
  const limit = one.threshold === null || one.threshold > high ? null : svg("path", { d: `M0 ${y(one.threshold)}H${WIDE}`, class: "day-limit" });
  const said = dots(one).map((dot) => svg("path", { d: `M${x(dot.at * 1000).toFixed(1)} ${y(dot.value).toFixed(1)}h0`, class: `dot dot-${dot.verdict}`, "stroke-width": DOT[dot.verdict] ?? 5 }));
  const worst = dots(one).filter((dot) => dot.verdict === "fail").length;
  const label = `${one.name} between ${number(low, one.unit)} and ${number(high, one.unit)}${one.threshold === null ? "" : `, limit ${one.comparison} ${number(one.threshold, one.unit)}`}${worst ? `, failed at ${worst} measurements` : ""}`;
  return svg("svg", { viewBox: `0 0 ${WIDE} 100`, preserveAspectRatio: "none", class: "day-chart", role: "img", "aria-label": label }, [limit, ...drawn, ...said].filter(Boolean));
}

/** The verdicts of a gate without a number, as a strip. */
function strip(one, page, place) {
  const pieces = one.verdicts.map((each, n) => {
    const from = place(ms(each.at));
    const to = place(n + 1 < one.verdicts.length ? ms(one.verdicts[n + 1].at) : Math.min(ms(page.end), ms(each.at) + 2000));
    const [y, height] = { pass: [6, 4], inconclusive: [7, 2], fail: [0, 16], error: [2, 12] }[each.verdict] ?? [7, 2];
    return svg("rect", { x: from * WIDE, y, width: Math.max(2, (to - from) * WIDE), height, class: `said-${each.verdict}` });
  });
  const told = Object.keys(VERDICT).map((name) => [name, one.verdicts.filter((each) => each.verdict === name).length]).filter(([, n]) => n).map(([name, n]) => `${VERDICT[name][1]} ${n} times`);
  return svg("svg", { viewBox: `0 0 ${WIDE} 16`, preserveAspectRatio: "none", class: "day-track", role: "img", "aria-label": `${one.name}: ${told.join(", ")}` }, pieces);
}

function gateRow(one, page, place) {
  const name = h("span", { class: "day-name", title: one.name }, one.name);
  const ends = bounds(one);
  if (ends) return [scale(one.name, number(ends[1], one.unit), number(ends[0], one.unit)), chart(one, place)];
  if (one.metrics?.error) return [name, h("p", { class: "day-said is-warning" }, `It could not be read: ${one.metrics.error} ${one.metrics.remedy}`)];
  if (one.gate && one.verdicts.length && !one.lines.length) return [name, strip(one, page, place)];
  return [name, h("p", { class: "day-said soft" }, "No data in this time.")];
}

const nearest = (points, moment) => points.reduce((best, point) => (!best || Math.abs(point[0] * 1000 - moment) < Math.abs(best[0] * 1000 - moment) ? point : best), null);

function readout(page, rows, moment) {
  const phase = page.phases.findLast((one) => ms(one.start) <= moment);
  const percent = page.weights.findLast(([at]) => at * 1000 <= moment)?.[1] ?? 0;
  const reach = Math.max(5000, (ms(page.end) - ms(page.start)) / 40);
  const values = rows.filter((one) => bounds(one)).map((one) => {
    const found = lines(one).map((line) => [line.name, nearest(real(line.points), moment)]).filter(([, point]) => point && Math.abs(point[0] * 1000 - moment) < reach);
    return found.length ? `${one.name} ${found.map(([name, point]) => `${found.length > 1 ? `${name} ` : ""}${number(point[1], one.unit)}`).join(", ")}` : "";
  });
  return [clock(moment), phase ? phaseName(page.deployment.plan, phase) : "", `${percent} %`, ...values].filter(Boolean).join(" · ");
}

/** Thin lines where a phase began, through all pictures. */
function borders(page, place) {
  return page.phases.filter((one) => ms(one.start) > ms(page.start)).map((one) => {
    const border = h("span", { class: `border border-${one.name}` });
    border.style.left = `${place(ms(one.start)) * 100}%`;
    return border;
  });
}

function key(kind, word) {
  const shape = kind.startsWith("dot") ? svg("path", { d: "M8 8h0", class: `dot ${kind}`, "stroke-width": DOT[kind.slice(4)] }) : svg("path", { d: "M0 8H16", class: kind });
  return h("span", null, svg("svg", { viewBox: "0 0 16 16", class: "day-key" }, shape), word);
}

/** What the lines and dots mean, as far as there are any. */
function legend(page, rows) {
  const { version, previous } = page.deployment;
  const drawn = rows.filter((one) => bounds(one));
  const names = new Set(drawn.flatMap((one) => lines(one).map((line) => line.name)));
  const verdicts = new Set(drawn.flatMap((one) => dots(one).map((dot) => dot.verdict)));
  return h("p", { class: "day-legend", "aria-hidden": "true" },
    drawn.length ? key("day-line line-0", version) : "",
    names.has(previous) ? key("day-line line-1", previous) : "",
    Object.keys(VERDICT).filter((name) => verdicts.has(name)).map((name) => key(`dot-${name}`, VERDICT[name][1])),
    drawn.some((one) => one.threshold !== null && one.threshold <= bounds(one)[1]) ? key("day-limit", "Limit") : "");
}

class Timeline extends HTMLElement {
  connectedCallback() {
    this.body = h("div", { class: "card timeline" });
    this.none = nothing("Nothing to draw yet.", "Once it begins, its weight and what the gates measure are drawn here, on one axis.");
    this.append(section("time", "Over time", null, this.body, this.none));
  }

  show(page) {
    this.page = page;
    this.render();
  }

  /** What the metrics server said came. */
  draw(pictures) {
    this.pictures = pictures;
    this.fault = null;
    this.render();
  }

  complain(error) {
    this.fault = error;
    this.render();
  }

  render() {
    const { page } = this;
    this.body.hidden = !page.start;
    setEmpty(this, !page.start);
    // While somebody points at a picture it stays as it is.
    if (!page.start || this.body.matches(":hover .day-cursor:not([hidden])") || this.querySelector(".day-cursor:not([hidden])")) return;
    const place = placer(page);
    const rows = charts(page, this.pictures);
    const said = h("p", { class: "day-readout" }, this.summary());
    const cells = [
      [h("span", { class: "day-name" }, "Phase"), phases(page, place)],
      [scale("Weight", "100 %", "0 %"), weight(page, place)],
      ...rows.map((one) => gateRow(one, page, place)),
      [h("span", { class: "day-name" }), axis(page, place, stepFor(page))],
    ];
    const over = h("div", { class: "day-over" }, borders(page, place));
    follow(over, page, said, (moment) => readout(page, rows, moment));
    this.body.replaceChildren(h("div", { class: "day-head" }, said, legend(page, rows)), stack(cells, over), ...this.notes());
  }

  summary() {
    const { deployment: one } = this.page;
    const end = one.ended_at ?? this.page.at;
    return `${clock(ms(one.started_at))} to ${one.ended_at ? clock(ms(end)) : "now"}, ${span((ms(end) - ms(one.started_at)) / 1000)}`;
  }

  notes() {
    const window = this.pictures?.window_seconds;
    return [
      this.fault ? h("p", { class: "soft timeline-note" }, `The metrics server's lines could not be read: ${this.fault.message} ${this.fault.remedy ?? ""}`) : null,
      window && this.pictures.pictures.some((one) => one.lines.length) ? h("p", { class: "soft timeline-note" }, `Lines are of the metrics server, over ${span(window)} at each moment; dots are what the gates measured.`) : null,
    ].filter(Boolean);
  }
}

customElements.define("ph-timeline", Timeline);
