/**
 * Keeps the board true: reads the overview, follows the events, reads again when something happened.
 * A lost connection is told at once and tried again until it is back.
 */

const QUIET = 250; // milliseconds of events that are read as one
const SILENCE = 25_000; // without any event or heartbeat the connection is dead
const PAUSES = [500, 1000, 2000, 4000, 8000];

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.reason);
    this.status = status;
    this.remedy = problem.remedy;
  }
}

async function read() {
  const answer = await fetch("/api/v1/overview", { headers: { Accept: "application/json" } });
  const body = await answer.json();
  if (!answer.ok) throw new Refused(answer.status, body.error);
  return body;
}

/** `show(overview)` is called with what is read, `tell(state, error)` with live, lost or refused. */
export class Live {
  constructor(show, tell) {
    this.show = show;
    this.tell = tell;
    this.failures = 0;
    this.position = 0;
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
    const overview = await read();
    this.position = Math.max(this.position, overview.position);
    this.show(overview);
  }

  follow() {
    const source = new EventSource(`/api/v1/events?after=${this.position}`);
    this.source = source;
    source.addEventListener("open", () => { this.failures = 0; this.tell("live"); this.watch(); });
    source.addEventListener("log", (event) => { this.position = Math.max(this.position, Number(event.lastEventId)); this.heard(); });
    source.addEventListener("heartbeat", () => this.heard());
    source.addEventListener("error", () => this.lost(new Error("The connection ended.")));
  }

  /** Something happened, or time has passed: read again soon. */
  heard() {
    this.watch();
    if (this.soon) return;
    this.soon = setTimeout(async () => {
      try {
        await this.read();
      } catch (error) {
        this.lost(error);
      } finally {
        this.soon = null;
      }
    }, QUIET);
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
