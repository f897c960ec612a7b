/** The middle pane: one channel or direct message, from its header to its composer. */

import { Composer } from "./composer.js";
import { h, icon, iconButton } from "./dom.js";
import { MessageList, arrange } from "./list.js";
import { appOfChannel, avatar, channelName, namesIn } from "./people.js";
import { mrkdwn } from "./prose.js";
import { go, placeHash } from "./routes.js";
import { failure, skeleton, welcome } from "./states.js";

class Conversation extends HTMLElement {
  #channel = null;
  #you = null;
  #boundary = null;
  #seen = null;
  #placed = false;

  connect({ store, session }) {
    this.store = store;
    this.session = session;
    this.head = h("header", { class: "pane-head" });
    this.body = h("div", { class: "pane-body" });
    this.jump = h("button", { type: "button", class: "jump", hidden: true, on: { click: () => this.#toEnd() } });
    this.composer = new Composer(session);
    this.joining = h("div", { class: "joining", hidden: true });
    this.append(this.head, this.body, this.joining, this.composer.node);
    addEventListener("focus", () => this.#read());
    document.addEventListener("visibilitychange", () => this.#read());
    store.follow((state) => this.#update(state));
  }

  #update(state) {
    const channel = state.status === "booting" ? null : state.channels[state.route.place];
    this.hidden = Boolean(state.route.place) && state.status === "ready" && !channel;
    if (!channel) return;
    if (channel.id !== this.#channel || state.you !== this.#you) this.#enter(channel, state);
    this.#header(channel, state);
    const closed = channel.is_member === false && !channel.is_im;
    this.composer.aim({ you: state.you, channel: channel.id, label: `Message ${channel.is_im ? "" : "#"}${channelName(channel, state)}`, closed });
    this.#offerToJoin(channel, closed);
    this.#list(channel, state);
  }

  #enter(channel, state) {
    this.#channel = channel.id;
    this.#you = state.you;
    this.#boundary = channel.unread ? (channel.last_read ?? "0") : null;
    this.#seen = null;
    this.#placed = false;
    this.jump.hidden = true;
    this.list = new MessageList("Messages", { session: this.session, channel: channel.id, inThread: false }, (at) => this.#scrolled(at));
    this.body.replaceChildren(this.list.node, this.jump);
    if (matchMedia("(min-width: 721px)").matches && !state.route.thread && !document.querySelector("dialog[open]")) this.composer.focus();
  }

  #header(channel, state) {
    if (this.headed === channel && this.headedFor === state.users) return;
    this.headed = channel;
    this.headedFor = state.users;
    const app = appOfChannel(channel, state);
    const back = iconButton("back", "Back to the list", () => go({ user: state.you }), { class: "icon-button back" });
    this.head.replaceChildren(back, ...(app ? appHead(app, channel, state, "messages") : channelHead(channel, state)));
  }

  #offerToJoin(channel, closed) {
    if (closed === !this.joining.hidden) return;
    this.joining.hidden = !closed;
    const note = h("p", { class: "press-note", role: "status" });
    const join = async () => note.replaceChildren((await this.session.join(channel.id)) ?? "");
    this.joining.replaceChildren("You are not in this channel.", h("button", { type: "button", class: "button button-primary", on: { click: join } }, "Join"), note);
  }

  #list(channel, state) {
    const list = state.conversations[channel.id];
    if (!list || (list === this.drawn && state.users === this.drawnFor)) return;
    this.drawn = list;
    this.drawnFor = state.users;
    this.list.draw(arrange(list.messages, { boundary: this.#boundary, you: state.you }), state);
    this.list.top(this.#top(list, channel, state));
    if (list.status === "ready") this.#settle(list);
  }

  #top(list, channel, state) {
    if (list.status === "failed") return failure(list.fault, () => this.session.open(state.route));
    if (list.status === "loading") return list.messages.length ? null : skeleton();
    if (list.hasMore) return h("p", { class: "older", role: "status" }, list.loadingOlder ? "Loading older messages…" : " ");
    return welcome(channel, state);
  }

  #settle(list) {
    if (!this.#placed) {
      this.#placed = true;
      this.list.toNews();
      this.#seen = this.list.atEnd ? (list.messages.at(-1)?.ts ?? "0") : (this.#boundary ?? "0");
    }
    if (this.list.position().atStart && list.hasMore) this.session.loadOlder(this.#channel);
    this.#news(list);
    this.#read();
  }

  #news(list) {
    if (list.messages.at(-1)?.user === this.#you && list.messages.at(-1).ts > this.#seen) this.list.toEnd();
    if (this.list.atEnd) this.#seen = list.messages.at(-1)?.ts ?? "0";
    const count = list.messages.filter((message) => message.ts > this.#seen).length;
    this.jump.hidden = this.list.atEnd;
    this.jump.classList.toggle("has-news", count > 0);
    this.jump.replaceChildren(icon("jump"), count ? `${count} new message${count > 1 ? "s" : ""}` : "Latest");
  }

  #scrolled({ atStart }) {
    const list = this.store.state.conversations[this.#channel];
    if (!list) return;
    if (atStart && list.status === "ready") this.session.loadOlder(this.#channel);
    this.#news(list);
    this.#read();
  }

  #toEnd() {
    this.list.toEnd();
    this.composer.focus();
  }

  /** Tell the workspace what was seen: only while somebody looks at the end of the list. */
  #read() {
    const channel = this.store.state.channels[this.#channel];
    const list = this.store.state.conversations[this.#channel];
    if (!channel || !list || list.status !== "ready" || this.hidden || !this.list.atEnd || !document.hasFocus()) return;
    const last = list.messages.at(-1)?.ts;
    const news = last && last > (channel.last_read ?? "0");
    if (last && (news || channel.unread || channel.mentions)) this.session.read(channel.id, last);
  }
}

function channelHead(channel, state) {
  const name = channelName(channel, state);
  const lead = channel.is_im ? avatar(state.users[channel.user] ?? { id: channel.user, real_name: name }, "small") : icon("hash");
  const about = channel.topic || channel.purpose;
  return [
    h("h1", { class: "pane-title" }, lead, h("span", null, name)),
    about && h("div", { class: "topic", title: about }, mrkdwn(about, namesIn(state))),
  ].filter(Boolean);
}

/** The header of an app's two pages: its Home and the messages with it. */
export function appHead(app, channel, state, current) {
  const tab = (name, label, place) => place &&
    h("a", { href: placeHash({ user: state.you, place }), "aria-current": current === name ? "page" : null }, label);
  return [
    h("h1", { class: "pane-title" }, avatar(state.users[app.bot_user] ?? app, "small"), h("span", null, app.name), h("span", { class: "badge" }, "App")),
    h("nav", { class: "tabs", "aria-label": `${app.name} pages` }, tab("home", "Home", app.home === false ? null : app.id), tab("messages", "Messages", channel?.id)),
    !app.connected && h("span", { class: "offline", role: "status" }, icon("warning"), "Not connected"),
  ].filter(Boolean);
}

customElements.define("ws-conversation", Conversation);
