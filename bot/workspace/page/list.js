/**
 * A list of messages that keeps its place: rows are found again by their time and rewritten where
 * they stand; at the bottom it follows what is new, elsewhere what one reads does not move.
 */

import { h } from "./dom.js";
import { Form } from "./form.js";
import { MessageRow } from "./message.js";
import { dayLabel, dayOf, momentOf } from "./time.js";

const NEAR_END = 48;
const NEAR_START = 400;
const GROUP_SECONDS = 300;

/** The inputs of every message, by the message's key. */
class Forms {
  #forms = new Map();

  of(key) {
    if (!this.#forms.has(key)) this.#forms.set(key, new Form());
    return this.#forms.get(key);
  }
}

const sameAuthor = (one, other) =>
  one.user === other.user && one.bot_id === other.bot_id && one.username === other.username;

function follows(message, previous) {
  if (!previous || !sameAuthor(message, previous)) return false;
  if (previous.ephemeral || message.ephemeral || message.subtype === "thread_broadcast") return false;
  return Number.parseFloat(message.ts) - Number.parseFloat(previous.ts) < GROUP_SECONDS;
}

/** Messages -> rows in order: `{key, kind: "day" | "new" | "rule" | "message", …}`. Pure. */
export function arrange(messages, { boundary = null, you = null, ruleAfterFirst = false } = {}) {
  const rows = [];
  let previous = null;
  let marked = boundary === null;
  for (const message of messages) {
    const moment = momentOf(message.ts);
    if (!previous || dayOf(momentOf(previous.ts)) !== dayOf(moment)) {
      if (!ruleAfterFirst) rows.push({ key: `day ${dayOf(moment)}`, kind: "day", moment });
      previous = null;
    }
    if (!marked && message.ts > boundary && message.user !== you) {
      rows.push({ key: "new", kind: "new" });
      marked = true;
      previous = null;
    }
    rows.push({ key: message.ts, kind: "message", message, compact: follows(message, previous) });
    if (ruleAfterFirst && rows.length === 1) rows.push({ key: "rule", kind: "rule", count: messages.length - 1 });
    previous = rows.at(-1).kind === "rule" ? null : message;
  }
  return rows;
}

const SEPARATORS = {
  day: ({ moment }) => h("div", { class: "separator", role: "separator" }, h("span", null, dayLabel(moment, new Date()))),
  new: () => h("div", { class: "separator separator-new", role: "separator" }, h("span", null, "New")),
  rule: () => h("div", { class: "separator separator-rule", role: "separator" }, h("span")),
};

export class MessageList {
  #rows = new Map();

  /** `context` is what a MessageRow needs; `onScroll` hears `{atEnd, atStart}`. */
  constructor(label, context, onScroll = () => {}) {
    this.context = { ...context, forms: new Forms() };
    // Busy until the first messages stand, or a screen reader would read them all out.
    this.log = h("div", { class: "log", role: "log", "aria-label": label, "aria-relevant": "additions", "aria-busy": "true" });
    this.before = h("div", { class: "before" });
    this.node = h("div", { class: "scroller", tabindex: "-1" }, h("div", { class: "spacer" }), this.before, this.log);
    this.atEnd = true;
    this.node.addEventListener("scroll", () => {
      this.#look();
      onScroll(this.position());
    }, { passive: true });
    const follow = new ResizeObserver(() => this.atEnd && this.toEnd());
    follow.observe(this.log);
    follow.observe(this.node);
  }

  #look() {
    const { scrollHeight, scrollTop, clientHeight } = this.node;
    this.atEnd = scrollHeight - scrollTop - clientHeight < NEAR_END;
  }

  position() {
    return { atEnd: this.atEnd, atStart: this.node.scrollTop < NEAR_START };
  }

  toEnd() {
    this.node.scrollTop = this.node.scrollHeight;
    this.atEnd = true;
  }

  /** Bring the "New" line into sight, or the end when there is none. */
  toNews() {
    const line = this.log.querySelector(".separator-new");
    this.toEnd();
    if (line && line.offsetTop < this.node.scrollTop) {
      this.node.scrollTop = Math.max(0, line.offsetTop - 24);
      this.#look();
    }
  }

  /** Draw what stands above the first message. */
  top(...nodes) {
    this.#steady(() => this.before.replaceChildren(...nodes.filter(Boolean)));
  }

  draw(rows, state) {
    this.#steady(() => this.#reconcile(rows, state));
    if (rows.length) requestAnimationFrame(() => this.log.setAttribute("aria-busy", "false"));
  }

  /** Change the content so that the first line in sight stays where it is. */
  #steady(change) {
    const anchor = this.atEnd ? null : this.#firstInSight();
    const height = anchor?.getBoundingClientRect().top;
    change();
    if (this.atEnd) this.toEnd();
    else if (anchor?.isConnected) this.node.scrollTop += anchor.getBoundingClientRect().top - height;
  }

  #firstInSight() {
    const { top } = this.node.getBoundingClientRect();
    return [...this.log.children].find((child) => child.getBoundingClientRect().bottom > top) ?? null;
  }

  #reconcile(rows, state) {
    const wanted = new Set(rows.map((row) => row.key));
    for (const [key, row] of this.#rows) {
      if (wanted.has(key)) continue;
      row.node.remove();
      this.#rows.delete(key);
    }
    let cursor = this.log.firstElementChild;
    for (const row of rows) {
      const node = this.#drawn(row, state);
      if (node === cursor) cursor = cursor.nextElementSibling;
      else this.log.insertBefore(node, cursor);
    }
  }

  #drawn(row, state) {
    const known = this.#rows.get(row.key);
    if (row.kind === "message") return this.#message(known, row, state);
    const entry = known ?? { node: SEPARATORS[row.kind](row) };
    this.#rows.set(row.key, entry);
    if (row.kind === "rule") entry.node.firstChild.textContent = row.count === 1 ? "1 reply" : `${row.count} replies`;
    if (row.kind === "rule") entry.node.hidden = row.count === 0;
    return entry.node;
  }

  #message(known, row, state) {
    const entry = known ?? new MessageRow(this.context);
    this.#rows.set(row.key, entry);
    entry.update(row.message, state, row.compact);
    return entry.node;
  }
}
