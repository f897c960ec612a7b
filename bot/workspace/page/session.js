/** What the page does with the server: start as somebody, load, send, press, read. Results go to the store. */

import * as api from "./api.js";
import { EventStream } from "./events.js";
import { deliveryFault, press } from "./presses.js";
import { isPlace } from "./routes.js";
import { threadKey } from "./store.js";

const RETRY = 1500;

export class Session {
  #stream = null;
  #turn = 0;

  constructor(store) {
    this.store = store;
  }

  /** Start, or start again, as this person; when the workspace is away, go on trying. */
  async boot(user) {
    const turn = ++this.#turn;
    this.#stream?.stop();
    this.store.dispatch({ type: "booting" });
    const boot = await this.#guarded(() => api.boot(user), (error) => this.#bootFailed(error, user, turn));
    if (!boot || turn !== this.#turn) return;
    this.store.dispatch({ type: "booted", boot });
    this.#follow(boot);
    this.open(this.store.state.route);
  }

  #bootFailed(error, user, turn) {
    if (error.code === "user_not_found" && user) return this.boot(null);
    this.store.dispatch({ type: "boot_failed", fault: error.message });
    setTimeout(() => turn === this.#turn && this.boot(user), RETRY);
  }

  #follow({ you, last_event_id: lastId }) {
    this.#stream = new EventStream(api.eventsAddress(you), lastId, {
      onEvent: (name, data) => (name === "reset" ? this.boot(you) : this.store.dispatch({ ...data, type: name })),
      onState: (connection) => this.store.dispatch({ type: "connection", connection }),
    });
    this.#stream.run();
  }

  /** Connect again now. */
  reconnect() {
    this.#stream?.retry();
  }

  /** Run a call; a failure goes to `onFault` and nothing comes back. */
  async #guarded(run, onFault) {
    try {
      return await run();
    } catch (error) {
      if (error.name !== "CallFailed") throw error;
      onFault(error);
      return null;
    }
  }

  /** Load what a route shows and is not there yet. */
  open({ user, place, thread }) {
    const { state } = this.store;
    if (state.status !== "ready" || (user && user !== state.you) || !place || !isPlace(state, place)) return;
    if (!state.channels[place]) return this.#openHome(place);
    if (state.conversations[place]?.status !== "ready") this.#openConversation(place);
    if (thread && state.threads[threadKey(place, thread)]?.status !== "ready") this.#openThread(place, thread);
  }

  async #openConversation(channel) {
    const { you } = this.store.state;
    const fault = (error) => this.store.dispatch({ type: "conversation_failed", channel, fault: error.message });
    this.store.dispatch({ type: "conversation_loading", channel });
    const page = await this.#guarded(() => api.messages(you, channel), fault);
    if (page && you === this.store.state.you) this.store.dispatch({ type: "conversation_loaded", channel, ...page });
  }

  async #openThread(channel, ts) {
    const { you } = this.store.state;
    const fault = (error) => this.store.dispatch({ type: "thread_failed", channel, ts, fault: error.message });
    this.store.dispatch({ type: "thread_loading", channel, ts });
    const page = await this.#guarded(() => api.thread(you, channel, ts), fault);
    if (page && you === this.store.state.you) this.store.dispatch({ type: "thread_loaded", channel, ts, ...page });
  }

  async #openHome(app) {
    const { you } = this.store.state;
    const fault = (error) => this.store.dispatch({ type: "home_failed", app, fault: error.message });
    if (!this.store.state.homes[app]?.view) this.store.dispatch({ type: "home_loading", app });
    const page = await this.#guarded(() => api.home(you, app), fault);
    if (page && you === this.store.state.you) this.store.dispatch({ type: "home", app, view: page.view });
  }

  async loadOlder(channel) {
    const { you, conversations } = this.store.state;
    const list = conversations[channel];
    if (!list?.hasMore || list.loadingOlder) return;
    this.store.dispatch({ type: "older_loading", channel });
    const fault = (error) => this.store.dispatch({ type: "conversation_failed", channel, fault: error.message });
    const before = list.messages.find((message) => !message.ephemeral)?.ts;
    const page = await this.#guarded(() => api.messages(you, channel, before), fault);
    if (page && you === this.store.state.you) this.store.dispatch({ type: "conversation_loaded", channel, older: true, ...page });
  }

  /** Send what was typed, as it was typed; null when it went well, else a sentence. */
  async send(text, channel, thread) {
    const body = { user: this.store.state.you, channel, text };
    if (thread) body.thread_ts = thread;
    let fault = null;
    const answer = await this.#guarded(() => api.sendMessage(body), (error) => (fault = sendFault(error.code, text) ?? error.message));
    if (!answer) return fault;
    if (!answer.ok) return sendFault(answer.error, text) ?? `The message was not sent: ${answer.error}.`;
    if (answer.delivery?.ok === false) return deliveryFault(this.appOfCommand(text)?.name ?? "The app", answer.delivery.error);
    return null;
  }

  appOfCommand(text) {
    const word = text.split(/\s/)[0];
    return this.store.state.apps.find((app) => app.commands?.some((command) => command.command === word));
  }

  /** What blocks in one message or view need of the page; see elements.js. */
  place({ container, form, names, app, key }) {
    return {
      key,
      form,
      names,
      state: () => this.store.state,
      act: (action, actionKey) => this.#act(action, actionKey, { container, form, app }),
      options: (query) => api.loadOptions({ user: this.store.state.you, container, ...query }),
    };
  }

  #act(action, key, { container, form, app }) {
    const body = { user: this.store.state.you, container, action, state: form.snapshot() };
    if (app?.id) body.app = app.id;
    return press(key, app?.name ?? "The app", () => api.sendAction(body));
  }

  shortcut(shortcut, app, place = {}) {
    const key = `shortcut|${shortcut.callback_id}|${place.message_ts ?? ""}`;
    const body = { user: this.store.state.you, callback_id: shortcut.callback_id, ...place };
    let answer = null;
    const send = async () => (answer = await api.runShortcut(body));
    return press(key, app.name, send).then(() => answer);
  }

  submitView(view, form) {
    return api.submitView({ user: this.store.state.you, view_id: view.id, state: form.snapshot() });
  }

  /** Close a view here, and tell the app. */
  async closeView(view) {
    this.store.dispatch(view.clear_on_close ? { type: "views_cleared" } : { type: "view_close", view_id: view.id });
    await this.#guarded(() => api.closeView({ user: this.store.state.you, view_id: view.id }), () => {});
  }

  /** Become a member of a public channel; null when it went well, else a sentence. */
  async join(channel) {
    let fault = null;
    const answer = await this.#guarded(() => api.joinChannel({ user: this.store.state.you, channel }), (error) => (fault = error.message));
    if (answer?.channel) this.store.dispatch({ type: "channel", channel: answer.channel });
    return fault;
  }

  /** Everything up to this message was seen. */
  async read(channel, ts) {
    const { you } = this.store.state;
    this.store.dispatch({ type: "read", channel, ts });
    await this.#guarded(() => api.markRead({ user: you, channel, ts }), () => {});
  }
}

function sendFault(code, text) {
  const command = text.split(/\s/)[0];
  return {
    unknown_command: `${command} is not a command here. Type / to see which there are, or put a space first to send it as a message.`,
    slash_in_thread: `${command} does not work in a thread, as in Slack. Type it in the channel, or mention the app here.`,
    not_in_channel: "You are not a member of this channel.",
  }[code];
}
