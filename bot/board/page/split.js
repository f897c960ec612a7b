/** How the traffic is shared between versions. */

import { h } from "./dom.js";

/** Shares of the traffic as one bar, named below. */
export function split(traffic) {
  if (!traffic.length) return h("span", { class: "split soft" }, "no traffic");
  const bar = h("span", { class: "split-bar", "aria-hidden": "true" }, traffic.map((share, at) => {
    const part = h("span", { class: `split-part part-${traffic.length > 1 && at === traffic.length - 1 ? "new" : "old"}` });
    part.style.flexGrow = String(share.weight);
    return part;
  }));
  const words = traffic.map((share) => h("span", null, h("span", { class: "share-name" }, share.version), ` ${share.weight} %`));
  return h("span", { class: "split" }, bar, h("span", { class: "split-words" }, words));
}
