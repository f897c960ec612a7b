/**
 * What the page knows, and how each event changes it. `reduce` is pure: it returns a new state and
 * leaves unchanged parts the same objects, so that a view can see by identity what to draw again.
 */

export const initial = Object.freeze({
  status: "booting",
  fault: null,
  connection: "connecting",
  team: null,
  you: null,
  users: {},
  people: [],
  channels: {},
  apps: [],
  lastEventId: null,
  route: { user: null, place: null, thread: null },
  conversations: {},
  threads: {},
  homes: {},
  views: [],
});

const EMPTY_LIST = Object.freeze({ status: "loading", messages: [], hasMore: false, loadingOlder: false, fault: null });

export const threadKey = (channel, ts) => `${channel}/${ts}`;

/** Whether a message stands in the channel itself and not only in a thread. */
const inChannel = (message) =>
  !message.thread_ts || message.thread_ts === message.ts || message.subtype === "thread_broadcast";

/** The list with this message in its place by time, replacing the one of the same time. */
function upsert(messages, message) {
  const at = messages.findLastIndex((other) => other.ts <= message.ts);
  if (at >= 0 && messages[at].ts === message.ts) return messages.with(at, message);
  return messages.toSpliced(at + 1, 0, message);
}

const replaceIn = (messages, message) =>
  messages.some((other) => other.ts === message.ts) ? upsert(messages, message) : messages;
const without = (messages, ts) =>
  messages.some((other) => other.ts === ts) ? messages.filter((other) => other.ts !== ts) : messages;
const merged = (older, newer) => newer.reduce(upsert, older);
const indexed = (things) => Object.fromEntries(things.map((thing) => [thing.id, thing]));

function changed(state, group, key, change) {
  const entry = state[group][key];
  const next = entry && change(entry);
  if (!next || next === entry) return state;
  return { ...state, [group]: { ...state[group], [key]: next } };
}

const put = (state, group, key, entry) => ({ ...state, [group]: { ...state[group], [key]: entry } });

function inList(state, group, key, change) {
  return changed(state, group, key, (list) => {
    const messages = change(list.messages);
    return messages === list.messages ? list : { ...list, messages };
  });
}

/** Apply a change to every list in which a message of this channel can stand. */
function everywhere(state, channel, change) {
  const threads = Object.keys(state.threads).filter((key) => key.startsWith(`${channel}/`));
  const first = inList(state, "conversations", channel, change);
  return threads.reduce((next, key) => inList(next, "threads", key, change), first);
}

function added(state, { channel, message }) {
  const root = message.thread_ts && message.thread_ts !== message.ts ? message.thread_ts : null;
  let next = state;
  if (inChannel(message)) next = inList(next, "conversations", channel, (list) => upsert(list, message));
  if (root) next = inList(next, "threads", threadKey(channel, root), (list) => upsert(list, message));
  if (root && !message.ephemeral) next = replied(next, channel, root, message);
  if (message.ephemeral) return next;
  return changed(next, "channels", channel, (entry) => ({ ...entry, latest: message.ts }));
}

/** The parent's reply count; a parent that already knows a reply this late was counted by the server. */
function replied(state, channel, root, message) {
  return everywhere(state, channel, (list) => {
    const parent = list.find((other) => other.ts === root);
    if (!parent || (parent.latest_reply ?? "") >= message.ts) return list;
    const repliers = [...new Set([...(parent.reply_users ?? []), message.user])];
    const count = (parent.reply_count ?? 0) + 1;
    return upsert(list, { ...parent, reply_count: count, reply_users: repliers, latest_reply: message.ts });
  });
}

const rewritten = (state, { channel, message }) =>
  everywhere(state, channel, (list) => replaceIn(list, message));
const removed = (state, { channel, ts }) => everywhere(state, channel, (list) => without(list, ts));

function loaded(state, group, key, { messages, has_more: hasMore = false, older = false }) {
  return changed(state, group, key, (list) => ({
    ...list,
    status: "ready",
    fault: null,
    loadingOlder: false,
    hasMore: older || list.status !== "ready" ? hasMore : list.hasMore,
    messages: older ? merged(messages, list.messages) : merged(list.messages, messages),
  }));
}

const loading = (state, group, key) =>
  state[group][key]?.status === "ready" ? state : put(state, group, key, EMPTY_LIST);
const failed = (state, group, key, fault) =>
  changed(state, group, key, (entry) => ({ ...entry, status: "failed", loadingOlder: false, fault }));

/** A list is fetched again after a reset; what only this page has (private answers) is kept. */
function stale(lists) {
  const kept = Object.entries(lists).map(([key, list]) => {
    return [key, { ...EMPTY_LIST, messages: list.messages.filter((message) => message.ephemeral) }];
  });
  return Object.fromEntries(kept);
}

function booted(state, { boot }) {
  const same = state.you === boot.you;
  return {
    ...state,
    status: "ready",
    fault: null,
    team: boot.team,
    you: boot.you,
    users: indexed(boot.users),
    people: boot.people,
    channels: indexed(boot.channels),
    apps: boot.apps,
    lastEventId: boot.last_event_id,
    conversations: same ? stale(state.conversations) : {},
    threads: same ? stale(state.threads) : {},
    homes: {},
    views: boot.views ?? (same ? state.views : []),
  };
}

function viewUpdated(state, { view }) {
  if (view.type === "home") return changed(state, "homes", view.app_id, (home) => ({ ...home, view }));
  return { ...state, views: state.views.map((other) => (other.id === view.id ? view : other)) };
}

function homeArrived(state, { app, view }) {
  return put(state, "homes", app, { status: "ready", view: view ?? null, fault: null });
}

const STEPS = {
  booting: (state) => ({ ...state, status: state.status === "ready" ? "ready" : "booting", fault: null }),
  booted,
  boot_failed: (state, { fault }) => ({ ...state, status: "failed", fault }),
  route: (state, { route }) => ({ ...state, route }),
  connection: (state, { connection }) => (state.connection === connection ? state : { ...state, connection }),

  conversation_loading: (state, { channel }) => loading(state, "conversations", channel),
  conversation_loaded: (state, page) => loaded(state, "conversations", page.channel, page),
  conversation_failed: (state, { channel, fault }) => failed(state, "conversations", channel, fault),
  older_loading: (state, { channel }) =>
    changed(state, "conversations", channel, (list) => ({ ...list, loadingOlder: true })),
  thread_loading: (state, { channel, ts }) => loading(state, "threads", threadKey(channel, ts)),
  thread_loaded: (state, page) => loaded(state, "threads", threadKey(page.channel, page.ts), page),
  thread_failed: (state, { channel, ts, fault }) => failed(state, "threads", threadKey(channel, ts), fault),
  home_loading: (state, { app }) => put(state, "homes", app, { status: "loading", view: null, fault: null }),
  home_failed: (state, { app, fault }) => put(state, "homes", app, { status: "failed", view: null, fault }),
  read: (state, { channel, ts }) =>
    changed(state, "channels", channel, (entry) => ({ ...entry, last_read: ts, unread: 0, mentions: 0 })),

  message: added,
  message_changed: rewritten,
  message_deleted: removed,
  ephemeral: (state, event) => added(state, { ...event, message: { ...event.message, ephemeral: true } }),
  ephemeral_deleted: removed,
  reaction: rewritten,
  channel: (state, { channel }) => put(state, "channels", channel.id, { ...state.channels[channel.id], ...channel }),
  unread: (state, { channel, unread, mentions }) =>
    changed(state, "channels", channel, (entry) => ({ ...entry, unread, mentions })),
  view_open: (state, { view }) => ({ ...state, views: [view] }),
  view_push: (state, { view }) => ({ ...state, views: [...state.views.filter((v) => v.id !== view.id), view] }),
  view_update: viewUpdated,
  view_close: (state, { view_id: id }) => ({ ...state, views: state.views.filter((view) => view.id !== id) }),
  views_cleared: (state) => ({ ...state, views: [] }),
  home: homeArrived,
  app: (state, { app, connected }) => ({
    ...state,
    apps: state.apps.map((other) => (other.id === app ? { ...other, connected } : other)),
  }),
};

/** State and event -> next state; an event of an unknown type changes nothing. */
export function reduce(state, event) {
  return Object.hasOwn(STEPS, event.type) ? STEPS[event.type](state, event) : state;
}

/** Holds the state and tells its followers, once a frame's worth of events has been taken in. */
export class Store {
  #followers = new Set();
  #due = false;
  state = initial;

  dispatch(event) {
    const next = reduce(this.state, event);
    if (next === this.state) return;
    this.state = next;
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => this.#tell());
  }

  #tell() {
    this.#due = false;
    for (const follower of this.#followers) follower(this.state);
  }

  follow(follower) {
    this.#followers.add(follower);
    follower(this.state);
  }
}
