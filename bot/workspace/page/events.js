/**
 * The live stream: server-sent events read through fetch, because EventSource cannot begin at a
 * known event and gives up for good on an error answer. It resumes from the last event it saw.
 */

const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 5000;
/** The workspace writes at least every 15 seconds; a connection that is silent for longer is dead. */
const SILENCE = 40_000;

/** Splits a stream of text into events; keeps what is not complete yet. */
export class EventParser {
  #rest = "";

  /** Text as it arrives -> the events that became complete: `{id, name, data}`. */
  feed(text) {
    const parts = (this.#rest + text).replace(/\r\n?/g, "\n").split("\n\n");
    this.#rest = parts.pop();
    return parts.map(parseEvent).filter((event) => event.data !== null || event.name !== "message");
  }
}

function parseEvent(block) {
  const event = { id: null, name: "message", data: null };
  for (const line of block.split("\n")) {
    const [, field, value] = /^(\w+)(?:: ?(.*))?$/.exec(line) ?? [];
    if (field === "id") event.id = value ?? "";
    if (field === "event") event.name = value ?? "message";
    if (field === "data") event.data = event.data === null ? (value ?? "") : `${event.data}\n${value ?? ""}`;
  }
  return event;
}

/** Follows one person's events until `stop`; `onState` hears "live" and "lost". */
export class EventStream {
  #abort = new AbortController();
  #lastId;
  #wake = () => {};

  constructor(url, lastId, { onEvent, onState }) {
    this.url = url;
    this.#lastId = lastId;
    this.onEvent = onEvent;
    this.onState = onState;
  }

  stop() {
    this.#abort.abort();
    this.#wake();
  }

  /** Try again at once instead of waiting. */
  retry() {
    this.#wake();
  }

  async run() {
    let pause = FIRST_PAUSE;
    while (!this.#abort.signal.aborted) {
      const seen = await this.#connection();
      if (this.#abort.signal.aborted) return;
      this.onState("lost");
      pause = seen ? FIRST_PAUSE : Math.min(LONGEST_PAUSE, pause * 2);
      await this.#waited(pause);
    }
  }

  #waited(pause) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, pause);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** One connection from its start to its end; true when it was ever open. */
  async #connection() {
    let open = false;
    const dead = new AbortController();
    const signal = AbortSignal.any([this.#abort.signal, dead.signal]);
    try {
      const response = await fetch(this.url, { headers: this.#headers(), signal, cache: "no-store" });
      if (!response.ok || !response.body) return false;
      open = true;
      this.onState("live");
      await this.#read(response.body, dead);
    } catch (error) {
      // A dropped connection is a TypeError and our own stop an AbortError; anything else is a fault of ours.
      if (!(error instanceof TypeError) && error.name !== "AbortError") throw error;
    }
    return open;
  }

  #headers() {
    const headers = { Accept: "text/event-stream" };
    if (this.#lastId !== null && this.#lastId !== undefined) headers["Last-Event-ID"] = String(this.#lastId);
    return headers;
  }

  async #read(body, dead) {
    const parser = new EventParser();
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const timer = setTimeout(() => dead.abort(), SILENCE);
      const { done, value } = await reader.read().finally(() => clearTimeout(timer));
      if (done) return;
      for (const event of parser.feed(value)) this.#deliver(event);
    }
  }

  #deliver(event) {
    if (event.id) this.#lastId = event.id;
    this.onEvent(event.name, event.data ? JSON.parse(event.data) : {});
  }
}
