/** The right pane: one message and its replies. */

import { Composer } from "./composer.js";
import { h, iconButton } from "./dom.js";
import { MessageList, arrange } from "./list.js";
import { channelName } from "./people.js";
import { go } from "./routes.js";
import { failure, skeleton } from "./states.js";
import { threadKey } from "./store.js";

class Thread extends HTMLElement {
  #key = null;

  connect({ store, session }) {
    this.store = store;
    this.session = session;
    this.heading = h("h2", { class: "pane-title" });
    const back = iconButton("back", "Back to the channel", () => this.close(), { class: "icon-button back" });
    const close = iconButton("close", "Close thread", () => this.close(), { class: "icon-button close" });
    this.body = h("div", { class: "pane-body" });
    this.composer = new Composer(session);
    this.append(h("header", { class: "pane-head" }, back, this.heading, close), this.body, this.composer.node);
    store.follow((state) => this.#update(state));
  }

  close() {
    const { user, place } = this.store.state.route;
    go({ user, place });
    document.querySelector("ws-conversation textarea")?.focus({ preventScroll: true });
  }

  #update(state) {
    const { place, thread } = state.route;
    const channel = state.channels[place];
    this.hidden = !thread || !channel;
    if (this.hidden) {
      this.#key = null;
      return;
    }
    const key = `${state.you}/${threadKey(place, thread)}`;
    if (key !== this.#key) this.#enter(key, place);
    const name = `${channel.is_im ? "" : "#"}${channelName(channel, state)}`;
    this.heading.replaceChildren("Thread ", h("small", null, name));
    this.composer.aim({ you: state.you, channel: place, thread, label: "Reply…" });
    this.#draw(state.threads[threadKey(place, thread)], state);
  }

  #enter(key, channel) {
    this.#key = key;
    this.drawn = null;
    this.list = new MessageList("Thread", { session: this.session, channel, inThread: true });
    this.body.replaceChildren(this.list.node);
    this.node = this.list.node;
    if (matchMedia("(min-width: 721px)").matches) requestAnimationFrame(() => this.composer.focus());
  }

  #draw(list, state) {
    if (!list || (list === this.drawn && state.users === this.drawnFor)) return;
    const mine = list.messages.at(-1)?.user === state.you && list.messages.at(-1) !== this.drawn?.messages.at(-1);
    this.drawn = list;
    this.drawnFor = state.users;
    this.list.top(this.#top(list, state));
    this.list.draw(arrange(list.messages, { ruleAfterFirst: true }), state);
    if (mine) this.list.toEnd();
  }

  #top(list, state) {
    if (list.status === "failed") return failure(list.fault, () => this.session.open(state.route));
    return list.status === "loading" && list.messages.length === 0 ? skeleton(2) : null;
  }
}

customElements.define("ws-thread", Thread);
