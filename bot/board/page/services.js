/** Every service in every environment: state, version, traffic, health, last change; filtered as one types. */

import { facts, h, keyed, mark, row, section, state } from "./dom.js";
import { split } from "./split.js";
import { link } from "./steps.js";
import { when } from "./time.js";
import { code, COMPONENT, count, healthTone, INSTANCE, person, place, serviceAddress } from "./words.js";

/** Not well, changing, or calm: what the buttons beside the filter count. */
export function condition(one) {
  if (one.state === "failed" || (one.state === "running" && ["bad", "warning"].includes(healthTone(one)))) return "ill";
  return one.deployment || COMPONENT[one.state]?.[0] === "busy" ? "changing" : "calm";
}

function change(one) {
  const last = one.last_change;
  if (!last) return h("span", { class: "change soft" }, "never changed");
  const what = last.deployment ? last.what : COMPONENT[one.state]?.[1].toLowerCase() ?? last.what;
  return h("span", { class: "change" }, h("span", { title: what }, what), h("span", { class: "soft" }, `${person(last.by)} · `, when(last.at)));
}

function line(one) {
  const [tone, word] = COMPONENT[one.state] ?? ["muted", one.state];
  return [
    state(tone, word),
    place(one),
    h("span", { class: "version" }, one.version ? code(one.version) : h("span", { class: "soft" }, "nothing yet")),
    split(one.traffic),
    h("span", { class: `health is-${healthTone(one)}` }, mark(healthTone(one)), h("span", null, one.health)),
    change(one),
  ];
}

function instance(one) {
  const [tone, word] = INSTANCE[one.health] ?? ["muted", one.health];
  return h("li", { class: "instance" }, state(tone, word), code(one.id), one.reason ? h("span", { class: "soft" }, one.reason) : null,
    one.since ? when(one.since) : null);
}

function more(one) {
  return [
    facts([
      ["About", one.description],
      ["Page", h("a", { href: serviceAddress(one.service, one.environment) }, "Deployments, revisions, buttons")],
      ["Address", code(one.address)],
      ["Reason", one.reason],
      ["Before", one.previous ? code(one.previous) : ""],
      ["Restarts", one.restarts ? count(one.restarts) : ""],
      ["Deployment", one.last_change?.deployment ? link(one.last_change.deployment) : ""],
    ]),
    one.instances.length ? h("ul", { class: "instances" }, one.instances.map(instance)) : h("p", { class: "soft" }, "No instance runs."),
  ];
}

const CONDITIONS = [["all", "All"], ["ill", "Not well"], ["changing", "Changing"]];

class Services extends HTMLElement {
  connectedCallback() {
    this.condition = "all";
    this.filter = h("input", {
      type: "search", class: "filter", placeholder: "Filter by name, version or state", "aria-label": "Filter services",
      "aria-keyshortcuts": "/", autocomplete: "off", spellcheck: "false", on: { input: () => this.sift() },
    });
    this.filter.value = new URLSearchParams(location.search).get("q") ?? "";
    this.buttons = CONDITIONS.map(([name, word]) => h("button", {
      type: "button", class: "choice", "aria-pressed": String(name === "all"), on: { click: () => this.choose(name) },
    }, word, h("span", { class: "count" })));
    this.list = h("ul", { class: "rows", id: "service-rows" });
    this.none = h("p", { class: "nothing", hidden: true });
    const heads = ["State", "Service", "Version", "Traffic", "Health", "Last change"];
    const head = h("div", { class: "line service heads", "aria-hidden": "true" }, heads.map((word) => h("span", null, word)));
    const body = section("services", "Services", null, h("div", { class: "card" }, head, this.list, this.none));
    body.querySelector(".section-head").append(
      h("div", { class: "choices", role: "group", "aria-label": "Which services" }, this.buttons), this.filter);
    this.append(body);
  }

  show(board) {
    this.all = board.components;
    keyed(this.list, this.all, (one) => `${one.service}/${one.environment}`, (one) => {
      const node = row("service", line(one), more(one));
      const words = [one.service, one.environment, one.state, one.version, ...one.traffic.map((share) => share.version), one.health];
      node.dataset.words = words.join(" ").toLowerCase();
      node.dataset.condition = condition(one);
      return node;
    });
    this.sift();
  }

  choose(name) {
    this.condition = name;
    CONDITIONS.forEach(([one], at) => this.buttons[at].setAttribute("aria-pressed", String(one === name)));
    this.sift();
  }

  /** Show the rows that hold every word of the filter and are in the chosen condition. */
  sift() {
    if (!this.all) return;
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = { all: 0, ill: 0, changing: 0, calm: 0 };
    for (const node of this.list.children) {
      const fits = words.every((word) => node.dataset.words.includes(word));
      if (fits) { shown.all += 1; shown[node.dataset.condition] += 1; }
      node.hidden = !fits || (this.condition !== "all" && node.dataset.condition !== this.condition);
    }
    CONDITIONS.forEach(([name], at) => { this.buttons[at].lastChild.textContent = count(shown[name]); });
    this.tellNone(shown[this.condition]);
    this.remember();
  }

  tellNone(shown) {
    this.none.hidden = shown > 0;
    this.list.parentElement.classList.toggle("is-blank", shown === 0);
    if (!this.all.length) this.none.textContent = "No services yet. Add one under services in pilothouse.yaml and it appears here.";
    else if (this.filter.value.trim()) this.none.textContent = `Nothing fits “${this.filter.value.trim()}”. Esc clears the filter.`;
    else this.none.textContent = this.condition === "ill" ? "All of them are well." : "None of them is changing.";
  }

  remember() {
    const address = new URL(location.href);
    const text = this.filter.value.trim();
    if (text) address.searchParams.set("q", text);
    else address.searchParams.delete("q");
    if (address.href !== location.href) history.replaceState(null, "", address);
  }
}

customElements.define("ph-services", Services);
