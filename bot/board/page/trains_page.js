/** The page of the newest release trains, or of one. */

import { run } from "./frame.js";
import { ask } from "./live.js";
import { h } from "./dom.js";
import { showTrains, trainTitle } from "./trains.js";
import { TRAIN } from "./words.js";

const id = decodeURIComponent(location.pathname.split("/").slice(2).join("/"));
const announce = document.querySelector("#announce");

class Trains extends HTMLElement {
  connectedCallback() {
    this.known = new Map();
    this.list = h("ul", { class: "trains", id: "trains", tabindex: "-1" });
    this.none = h("p", { class: "nothing card", hidden: true }, "No train yet. ", h("code", { class: "typed" }, "/ops train shop=v2 till=v2 to production"), " in chat, or ",
      h("code", { class: "typed" }, "pilothouse train start"), ", deploys several services as one: all of them, or none.");
    const head = id ? h("p", { class: "back" }, h("a", { href: "/trains" }, "All trains")) : h("div", null, h("h1", null, "Release trains"), h("p", { class: "soft" }, "The newest 20."));
    this.append(head, this.list, this.none);
  }

  show(page) {
    showTrains(this.list, this.known, page, id ? "h1" : "h2", Boolean(id));
    this.none.hidden = page.trains.length > 0;
  }
}

customElements.define("ph-trains", Trains);
const trains = document.querySelector("ph-trains");
let before = "";

function show(page) {
  trains.show(page);
  if (!id) return;
  const [one] = page.trains;
  const now = `${TRAIN[one.state]?.[1] ?? one.state}.`;
  if (before && before !== now) announce.textContent = now;
  before = now;
  document.title = `${now.slice(0, -1)}: ${trainTitle(one)} · Pilothouse`;
}

run(() => ask(id ? `/trains/${encodeURIComponent(id)}/page` : "/trains/page"), show, "");
