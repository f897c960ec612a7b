/** One message: author, text or blocks, marks, thread summary and the actions that appear on it. */

import { drawAttachment, drawBlocks } from "./blocks.js";
import { h, icon, iconButton, keepingFocus } from "./dom.js";
import { emoji } from "./emoji.js";
import { authorOf, avatar, namesIn } from "./people.js";
import { menu } from "./popup.js";
import { adopt, settle } from "./presses.js";
import { mrkdwn, plain } from "./prose.js";
import { placeHash } from "./routes.js";
import { absolute, ago, clock, momentOf, timeElement } from "./time.js";

/** A row for a message. `update` draws it again in place; `context` is `{session, channel, inThread, forms}`. */
export class MessageRow {
  constructor(context) {
    this.context = context;
    this.node = h("article", { class: "message", tabindex: "-1" });
    this.node.addEventListener("pointerenter", () => this.#offer());
    this.node.addEventListener("focusin", () => this.#offer());
    this.node.addEventListener("keydown", (event) => this.#key(event));
  }

  update(message, state, compact) {
    if (this.message === message && this.compact === compact && this.users === state.users) return;
    const key = `${this.context.channel}/${message.ts}`;
    if (this.message && this.message !== message) settle(key);
    Object.assign(this, { message, compact, state, users: state.users });
    keepingFocus(this.node, () => this.#draw(key));
  }

  #draw(key) {
    const author = authorOf(this.message, this.state);
    const moment = momentOf(this.message.ts);
    this.node.className = `message${this.compact ? " is-compact" : ""}${this.message.ephemeral ? " is-ephemeral" : ""}`;
    this.node.dataset.ts = this.message.ts;
    this.node.setAttribute("aria-label", `${author.name}, ${clock(moment)}`);
    this.tools = null;
    this.node.replaceChildren(this.#gutter(author, moment), h("div", { class: "message-body" },
      this.message.ephemeral && h("p", { class: "ephemeral" }, icon("lock"), "Only visible to you"),
      this.#broadcast(),
      !this.compact && this.#head(author, moment),
      this.#content(key, author),
      this.#reactions(),
      this.#replies()));
    if (this.node.matches(":hover, :focus-within")) this.#offer();
  }

  #gutter(author, moment) {
    const inside = this.compact ? h("time", { class: "gutter-time", title: absolute(moment) }, clock(moment)) : avatar(author.user, "large");
    return h("div", { class: "gutter" }, inside);
  }

  #head(author, moment) {
    return h("p", { class: "message-head" },
      h("strong", { class: "author" }, author.name),
      author.isApp && h("span", { class: "badge" }, "App"),
      h("time", { class: "muted", datetime: moment.toISOString(), title: absolute(moment) }, clock(moment)),
      this.#isBlocks() && this.#edited());
  }

  #broadcast() {
    const root = this.message.thread_ts;
    if (this.context.inThread || !root || root === this.message.ts) return null;
    return h("p", { class: "muted small" }, icon("thread"), " replied to ", h("a", { href: this.#threadHref(root) }, "a thread"));
  }

  #content(key, author) {
    const { message } = this;
    const form = this.context.forms.of(key);
    const container = { type: "message", channel: this.context.channel, message_ts: message.ts };
    const app = this.#appOf(author);
    const place = this.context.session.place({ container, form, names: namesIn(this.state), app, key });
    const parts = [];
    form.redraw(() => {
      if (message.blocks?.length) parts.push(drawBlocks(message.blocks, place));
      else if (message.text) parts.push(h("div", { class: message.subtype === "tombstone" ? "text unknown" : "text" }, mrkdwn(message.text, place.names)));
      parts.push((message.attachments ?? []).map((attachment) => drawAttachment(attachment, place)));
    });
    if (this.compact || !this.#isBlocks()) parts.push(" ", this.#edited());
    return h("div", { class: "content" }, parts);
  }

  #isBlocks() {
    return Boolean(this.message.blocks?.length || this.message.attachments?.length);
  }

  #edited() {
    const { edited } = this.message;
    return edited && h("span", { class: "edited", title: absolute(momentOf(edited.ts)) }, "(edited)");
  }

  #appOf({ user, name }) {
    return this.state.apps.find((app) => app.bot_user === user.id) ?? { name };
  }

  #reactions() {
    const { reactions } = this.message;
    if (!reactions?.length) return null;
    const name = (id) => this.state.users[id]?.name ?? id;
    return h("ul", { class: "reactions", "aria-label": "Reactions" }, reactions.map((reaction) =>
      h("li", { class: "reaction", title: (reaction.users ?? []).map(name).join(", ") },
        emoji(reaction.name), String(reaction.count ?? reaction.users?.length ?? 1))));
  }

  #threadHref(ts) {
    return placeHash({ user: this.state.you, place: this.context.channel, thread: ts });
  }

  #replies() {
    const { message } = this;
    if (this.context.inThread || !message.reply_count) return null;
    const faces = (message.reply_users ?? []).slice(0, 4).map((id) => avatar(this.state.users[id] ?? { id }, "small"));
    const last = message.latest_reply && momentOf(message.latest_reply);
    const when = (now) => `Last reply ${ago(last, now)}`;
    return h("a", { class: "replies", href: this.#threadHref(message.ts), data: { key: "replies" } }, faces,
      h("strong", null, message.reply_count === 1 ? "1 reply" : `${message.reply_count} replies`),
      last && h("span", { class: "muted" }, timeElement(last, when(new Date()), when)));
  }

  #offer() {
    if (this.tools || !this.message) return;
    this.tools = h("div", { class: "tools", role: "toolbar", "aria-label": "Message actions" },
      !this.context.inThread && !this.message.ephemeral &&
        iconButton("thread", "Reply in thread", () => this.openThread(), { "data-key": "reply" }),
      navigator.clipboard && iconButton("copy", "Copy text", (event) => this.#copy(event.currentTarget), { "data-key": "copy" }),
      this.#shortcutButton());
    this.node.append(this.tools);
  }

  openThread() {
    if (!this.message.ephemeral) location.hash = this.#threadHref(this.message.thread_ts ?? this.message.ts);
  }

  async #copy(button) {
    await navigator.clipboard.writeText(this.node.querySelector(".content").innerText || plain(this.message.text));
    button.replaceChildren(icon("check"));
    button.title = "Copied";
  }

  #shortcutButton() {
    const offers = this.state.apps.flatMap((app) =>
      (app.shortcuts ?? []).filter((one) => one.type === "message").map((shortcut) => ({ app, shortcut })));
    if (offers.length === 0 || this.message.ephemeral) return null;
    const button = iconButton("more", "Message shortcuts", () => {
      menu(button, "Message shortcuts", offers.map((offer) => this.#shortcutItem(offer)));
    }, { "aria-haspopup": "menu", "data-key": "shortcuts" });
    return button;
  }

  #shortcutItem({ app, shortcut }) {
    const run = () => {
      const note = h("p", { class: "press-note", role: "status", hidden: true });
      this.node.querySelector(".content").append(note);
      adopt(this.tools ?? this.node, note, `shortcut|${shortcut.callback_id}|${this.message.ts}`);
      this.context.session.shortcut(shortcut, app, { channel: this.context.channel, message_ts: this.message.ts });
    };
    return { label: shortcut.name, note: shortcut.description || app.name, lead: avatar(this.state.users[app.bot_user] ?? app, "small"), run };
  }

  #key(event) {
    if (event.target !== this.node || event.key !== "Enter") return;
    event.preventDefault();
    this.openThread();
  }
}
