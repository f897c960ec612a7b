/** Small pictures of figures period by period: bars, bars with a part of them, lines. */

import { h, svg } from "./dom.js";

const WIDE = 1000; // units across, stretched to the width there is
const HIGH = 100;
const GAP = 0.24; // of a period that stays free between two bars

const top = (values) => Math.max(...values.filter((value) => value !== null), 0) || 1;

/** One bar a period; `part` of it, such as the failures, stands out. */
export function bars(values, parts, label, kind = "bars") {
  const most = top(values);
  const width = WIDE / values.length;
  const shapes = values.flatMap((value, at) => {
    const x = (at + GAP / 2) * width;
    const bar = (amount, name) => (amount ? svg("rect", { x, y: HIGH - (amount / most) * HIGH, width: width * (1 - GAP), height: (amount / most) * HIGH, class: name }) : null);
    return [bar(value, "bar"), bar(parts?.[at] ?? 0, "bar-part")].filter(Boolean);
  });
  return svg("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", class: kind, role: "img", "aria-label": label }, shapes);
}

/** A line from period to period with a dot each; a period without a value is a gap. */
export function line(values, label) {
  const most = top(values);
  const x = (at) => ((at + 0.5) * WIDE) / values.length;
  const y = (value) => HIGH - 4 - (value / most) * (HIGH - 8);
  let drawn = "";
  values.forEach((value, at) => {
    if (value !== null) drawn += `${at && values[at - 1] !== null ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
  });
  const dots = values.map((value, at) => (value === null ? null : svg("path", { d: `M${x(at).toFixed(1)} ${y(value).toFixed(1)}h0`, class: "line-dot" }))).filter(Boolean);
  return svg("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", class: "bars", role: "img", "aria-label": label }, [svg("path", { d: drawn, class: "day-line" }), ...dots]);
}

/** The highest value above a picture, and when its periods begin and end below. */
export function framed(picture, high, first, last) {
  return h("div", { class: "framed" }, h("span", { class: "framed-high" }, high), picture, h("div", { class: "framed-ends" }, h("span", null, first), h("span", null, last)));
}

/** Let each period say its values in a title where somebody points at it. */
export function titled(picture, titles) {
  const cells = titles.map((title) => h("span", { title }));
  return h("div", { class: "titled" }, picture, h("div", { class: "titled-cells", "aria-hidden": "true" }, cells));
}
