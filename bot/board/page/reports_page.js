/** The reports page: how changes reached people lately. What is shown stands in the address. */

import "./report_figures.js";
import "./report_places.js";
import { refresh, run } from "./frame.js";
import { ask } from "./live.js";

const USUAL = 30;
const figures = document.querySelector("ph-figures");
const places = document.querySelector("ph-places");

const params = () => new URLSearchParams(location.search);
const daysOf = () => (/^\d{1,3}$/.test(params().get("days") ?? "") ? Number(params().get("days")) : USUAL);
const placeOf = () => params().get("place") ?? "";

function show(report) {
  if (report.days !== daysOf()) return refresh(); // chosen anew meanwhile
  // All places are read, and one is chosen here, so that it stands beside the others.
  const chosen = report.places.find((one) => `${one.service}/${one.environment}` === placeOf()) ?? null;
  figures.show(report, chosen);
  places.show(report, chosen);
}

/** Show what `name` is chosen to be; the way back leads to what was shown before. */
function choose(name, value) {
  const address = new URL(location.href);
  if (value) address.searchParams.set(name, value);
  else address.searchParams.delete(name);
  history.pushState(null, "", address);
  refresh();
}

figures.addEventListener("days", (event) => choose("days", event.detail === USUAL ? "" : String(event.detail)));
figures.addEventListener("everything", () => choose("place", ""));
places.addEventListener("place", (event) => choose("place", event.detail));
addEventListener("popstate", refresh);
run(() => ask(`/reports/deployments?days=${daysOf()}`), show, "Filter the services");
