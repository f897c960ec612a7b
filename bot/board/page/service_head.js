/** What a service is, how it stands in each environment at a glance, and its versions that are known to be bad. */

import { h, keyed, nothing, section, setEmpty, state } from "./dom.js";
import { link } from "./steps.js";
import { when } from "./time.js";
import { anchor, code, COMPONENT, person, serviceAddress } from "./words.js";

function glance({ component: one }) {
  const [tone, word] = COMPONENT[one.state] ?? ["muted", one.state];
  return h("a", { class: "jump", href: `#${encodeURIComponent(anchor(one.environment))}` }, state(tone, one.environment),
    h("span", { class: "soft" }, one.version ? code(one.version) : "nothing yet", ` · ${word}`));
}

class Service extends HTMLElement {
  connectedCallback() {
    this.head = h("section", { id: "service", class: "service-head", tabindex: "-1", "aria-labelledby": "service-title" });
    this.append(this.head);
  }

  show(page) {
    const { service, description, depends_on: needs, places } = page;
    const print = JSON.stringify([service, description, needs, places.map(({ component: one }) => [one.environment, one.state, one.version])]);
    if (print === this.print) return;
    this.print = print;
    const before = needs.map((one, at) => [at ? ", " : "", h("a", { href: serviceAddress(one) }, one)]);
    this.head.replaceChildren(
      h("h1", { id: "service-title" }, service),
      h("p", { class: "soft" }, description, needs.length ? [description ? " " : "", "Needs ", before, "."] : ""),
      h("nav", { class: "jumps", "aria-label": "Environments" }, places.map(glance)));
  }
}

function bad(one) {
  return h("li", { class: "decision" }, state("warning", code(one.version)), h("span", null, one.reason || "no reason given"),
    h("span", { class: "soft" }, one.by === "system" ? "a gate" : person(one.by), " · ", when(one.at), one.deployment ? [" · ", link(one.deployment)] : null));
}

class BadVersions extends HTMLElement {
  connectedCallback() {
    this.list = h("ul", { class: "decisions long" });
    this.none = nothing("None.", "A gate that fails marks a version, and so does a person in chat: ", h("code", { class: "typed" }, "/ops mark bad"), ".");
    this.append(section("bad", "Known-bad versions", null, h("div", { class: "card" }, this.list, this.none)));
  }

  show(page) {
    keyed(this.list, page.bad_versions, (one) => one.version, bad);
    setEmpty(this, !page.bad_versions.length);
  }
}

customElements.define("ph-service", Service);
customElements.define("ph-bad-versions", BadVersions);
