/**
 * Keeps a page true: reads what it shows, follows the events, reads again when something happened.
 * A lost connection is told at once and tried again until it is back.
 */

const QUIET = 250; // milliseconds of events that are read as one, at least
const REST = 4; // times as long as reading took, so that a page in a storm leaves the server its time
const LONGEST_REST = 10_000;
const SILENCE = 25_000; // without any event or heartbeat the connection is dead
const PAUSES = [500, 1000, 2000, 4000, 8000];

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.reason);
    this.status = status;
    this.remedy = problem.remedy;
    this.field = problem.field;
  }
}

/** What an address of the API answers; throws Refused with what it says instead. */
export async function ask(path, sent = {}) {
  const answer = await fetch(`/api/v1${path}`, { ...sent, headers: { Accept: "application/json", ...sent.headers } });
  const body = await answer.json();
  if (!answer.ok) throw new Refused(answer.status, body.error);
  return body;
}

/**
 * `read()` gives what the page shows, with the `position` of the log from which it is followed if it has one;
 * `show` is called with it, `tell(state, error)` with live, lost or refused.
 */
export class Live {
  constructor(read, show, tell) {
    this.ask = read;
    this.show = show;
    this.tell = tell;
    this.failures = 0;
    this.position = 0;
    this.took = 0; // milliseconds
  }

  /** Read everything, then follow from there. */
  async start() {
    clearTimeout(this.again);
    this.source?.close();
    try {
      await this.read();
      this.follow();
    } catch (error) {
      this.lost(error);
    }
  }

  async read() {
    const began = performance.now();
    const found = await this.ask();
    this.took = performance.now() - began;
    this.position = Math.max(this.position, found.position ?? 0);
    this.show(found);
  }

  follow() {
    const source = new EventSource(`/api/v1/events${this.position ? `?after=${this.position}` : ""}`);
    this.source = source;
    source.addEventListener("open", () => { this.failures = 0; this.tell("live"); this.watch(); if (!this.position) this.heard(); });
    source.addEventListener("log", (event) => { this.position = Math.max(this.position, Number(event.lastEventId)); this.heard(); });
    source.addEventListener("heartbeat", () => this.heard());
    source.addEventListener("error", () => this.lost(new Error("The connection ended.")));
  }

  /** Something happened, or time has passed: read again soon. */
  heard() {
    this.watch();
    if (this.soon) return;
    this.soon = setTimeout(() => this.now(), Math.max(QUIET, Math.min(LONGEST_REST, REST * this.took)));
  }

  /** Read again at once. */
  async now() {
    clearTimeout(this.soon);
    this.soon = null;
    try {
      await this.read();
    } catch (error) {
      this.lost(error);
    }
  }

  watch() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.lost(new Error("Nothing was heard for a while.")), SILENCE);
  }

  lost(error) {
    clearTimeout(this.silence);
    clearTimeout(this.again);
    this.source?.close();
    const pause = PAUSES[Math.min(this.failures, PAUSES.length - 1)];
    this.failures += 1;
    this.tell(error instanceof Refused && error.status < 500 ? "refused" : "lost", error);
    this.again = setTimeout(() => this.start(), pause);
  }
}
