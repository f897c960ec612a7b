/** A service in each of its environments: what runs, what may be done, its deployments and its revisions. */

import { facts, h, keyed, mark, section, state } from "./dom.js";
import { serviceDeeds } from "./service_deeds.js";
import { Deployments, Revisions } from "./service_past.js";
import { split } from "./split.js";
import { link } from "./steps.js";
import { when } from "./time.js";
import { anchor, code, COMPONENT, count, healthTone, INSTANCE, named, person, plural } from "./words.js";

/** How far it is with what takes a while. */
function progress(one) {
  const [tone, word] = COMPONENT[one.state] ?? ["muted", one.state];
  if (tone !== "busy" || one.deployment) return null;
  const since = one.last_change && !one.last_change.deployment ? [" ", when(one.last_change.at, "since")] : null;
  if (one.state === "stopping") return h("p", { class: "place-progress" }, h("span", null, `${word}: requests are answered first, then its instances end.`, since));
  const label = `${one.healthy} of ${plural(one.desired, "instance is well", "instances are well")}`;
  return h("p", { class: "place-progress" }, h("progress", { max: Math.max(1, one.desired), value: Math.min(one.healthy, one.desired), "aria-label": label }), h("span", null, `${word}: ${label}.`, since));
}

function held(place) {
  const { lock, freezes, windows } = place;
  const reason = (text) => (text ? `: ${text}` : "");
  const until = (at) => (at ? [" · ", when(at, "left", "over")] : null);
  return [
    lock ? h("p", null, state("warning", `Locked by ${person(lock.owner)}${reason(lock.reason)}`), until(lock.until), lock.waiting.length ? ` · ${lock.waiting.map(person).join(", ")} will be told when it ends` : "") : null,
    ...freezes.map((one) => h("p", null, state("warning", `Frozen by ${person(one.person)}${reason(one.reason)}`), until(one.until))),
    ...windows.map((one) => h("p", null, state("warning", `Frozen by the window ${one.name}`), until(one.until))),
  ];
}

function flight(place) {
  const one = place.deployments.find((each) => each.id === place.component.deployment);
  if (!one) return null;
  const at = one.step >= 0 ? `, step ${one.step + 1} of ${one.steps}, ${one.weight} %` : "";
  const what = one.state === "planned" ? "waits" : "is under way";
  return h("p", null, state(one.state === "planned" ? "warning" : "busy", `${one.version} ${what}${at}`), " ", link(one.id));
}

function stands(one) {
  const [tone, word] = COMPONENT[one.state] ?? ["muted", one.state];
  const last = one.last_change;
  return h("div", { class: "place-line" }, state(tone, word),
    h("span", { class: "version" }, one.version ? code(one.version) : h("span", { class: "soft" }, "nothing yet")),
    h("span", { class: `health is-${healthTone(one)}` }, mark(healthTone(one)), h("span", null, one.health)),
    split(one.traffic),
    last ? h("span", { class: "soft place-last" }, `${last.deployment ? last.what : word}, ${person(last.by)} · `, when(last.at)) : null);
}

function instance(one) {
  const [tone, word] = INSTANCE[one.health] ?? ["muted", one.health];
  return h("li", { class: "instance" }, state(tone, word), code(one.id), h("span", { class: "soft" }, one.version, one.reason ? ` · ${one.reason}` : "", one.since ? [" · ", when(one.since)] : null));
}

class Place {
  constructor(environment) {
    this.deeds = serviceDeeds();
    this.top = h("div");
    this.list = h("ul", { class: "instances long" });
    this.none = h("p", { class: "soft" }, "No instance runs.");
    this.facts = h("div", { class: "place-facts" });
    this.past = [new Deployments(), new Revisions()];
    const running = h("div", { class: "place-running" }, h("h3", null, "Instances"), this.list, this.none);
    const now = h("div", { class: "place-now" }, running, this.facts);
    this.node = section(anchor(environment), environment, null, h("div", { class: "card" }, this.top, this.deeds.node, now, h("div", { class: "place-past" }, this.past.map((one) => one.node))));
  }

  show(place, page) {
    const { component: one } = place;
    this.deeds.show({ ...place, you: page.you });
    const remarks = [one.reason ? h("p", null, named(one.reason)) : null, flight(place), ...held(place)].filter(Boolean);
    this.put(this.top, [one, place.lock, place.freezes, place.windows, place.deployments[0], page.people],
      () => [stands(one), progress(one) ?? "", h("div", { class: "remarks" }, remarks)]);
    this.put(this.facts, [one.address, one.previous, one.restarts], () => [facts([
      ["Address", one.address ? code(one.address) : ""], ["Before", one.previous ? code(one.previous) : ""], ["Restarts", one.restarts ? count(one.restarts) : ""],
    ])]);
    keyed(this.list, one.instances, (each) => each.id, instance);
    this.none.hidden = one.instances.length > 0;
    for (const part of this.past) part.show(place, page);
  }

  /** Build `node` anew when what it is made of has changed. */
  put(node, of, build) {
    const print = JSON.stringify(of);
    if (node.print === print) return;
    node.print = print;
    node.replaceChildren(...build().filter(Boolean));
  }
}

class Places extends HTMLElement {
  connectedCallback() {
    this.known = new Map();
    this.none = h("p", { class: "nothing card", hidden: true }, "It runs nowhere. Name environments below it in pilothouse.yaml.");
    this.append(this.none);
  }

  show(page) {
    const names = page.places.map(({ component: one }) => one.environment);
    for (const [name, place] of this.known) if (!names.includes(name)) { place.node.remove(); this.known.delete(name); }
    for (const place of page.places) {
      const name = place.component.environment;
      if (!this.known.has(name)) {
        this.known.set(name, new Place(name));
        this.append(this.known.get(name).node);
      }
      this.known.get(name).show(place, page);
    }
    this.none.hidden = names.length > 0;
  }
}

customElements.define("ph-service-places", Places);
