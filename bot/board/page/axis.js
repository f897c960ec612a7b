/** What pictures over a time share: where a moment lies, lines, and the times below them. */

import { h, svg } from "./dom.js";

/** Units of every drawing across, stretched to the width there is. */
export const WIDE = 1000;

const HOUR = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const SECOND = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const STEPS = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800]; // seconds

export const ms = (text) => new Date(text).getTime();

/** The horizontal place of a moment between `start` and `end`, from 0 to 1. */
export const placer = ({ start, end }) => {
  const [from, to] = [ms(start), ms(end)];
  return (at) => Math.min(1, Math.max(0, (at - from) / (to - from)));
};

/** A line through points of Unix seconds and value, with a gap where there was none. */
export function path(points, x, y) {
  const step = points.length > 1 ? points[1][0] - points[0][0] : 0;
  let drawn = "";
  let reached = null;
  for (const [at, value] of points) {
    if (value === null) { reached = null; continue; }
    drawn += `${reached === null || at - reached > 1.5 * step ? "M" : "L"}${x(at * 1000).toFixed(1)} ${y(value).toFixed(1)}`;
    reached = at;
  }
  return drawn;
}

/** A step that gives about six times between `start` and `end`, in milliseconds. */
export function stepFor({ start, end }) {
  const seconds = (ms(end) - ms(start)) / 1000;
  return 1000 * (STEPS.find((step) => seconds / step <= 7) ?? STEPS.at(-1) * Math.ceil(seconds / STEPS.at(-1) / 7));
}

const wordFor = (step) => (step < 60_000 ? SECOND : step < 43_200_000 ? HOUR : DAY);

/** The times below a picture, every `step` milliseconds. */
export function axis(range, place, step) {
  const ticks = [];
  const midnight = new Date(range.start).setHours(0, 0, 0, 0);
  for (let at = midnight + Math.ceil((ms(range.start) - midnight) / step) * step; at <= ms(range.end); at += step) {
    const tick = h("span", { class: "day-tick" }, wordFor(step).format(at));
    tick.style.left = `${place(at) * 100}%`;
    if (place(at) > 0.02 && place(at) < 0.98) ticks.push(tick);
  }
  return h("div", { class: "day-axis", "aria-hidden": "true" }, ticks);
}

/** Rows of a name and a picture in one grid, and a node that lies over all pictures. */
export function stack(rows, over) {
  // The overlay lies in the same cells, so every cell has its place said.
  rows.forEach((cells, n) => cells.forEach((cell, column) => { cell.style.gridArea = `${n + 1} / ${column + 1}`; }));
  over.style.gridArea = `1 / 2 / span ${rows.length}`;
  return h("div", { class: "day-grid" }, rows, over);
}

/** Say in `said` what `readout(moment)` tells of the moment under the pointer, with a line there. */
export function follow(over, range, said, readout) {
  const line = h("span", { class: "day-cursor", hidden: true });
  const quiet = said.textContent;
  over.append(line);
  over.addEventListener("pointermove", (event) => {
    const box = over.getBoundingClientRect();
    const part = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    line.hidden = false;
    line.style.left = `${part * 100}%`;
    said.textContent = readout(ms(range.start) + part * (ms(range.end) - ms(range.start)));
  });
  over.addEventListener("pointerleave", () => { line.hidden = true; said.textContent = quiet; });
}
