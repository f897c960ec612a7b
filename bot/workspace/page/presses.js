/**
 * Remembers what was pressed until the app answers, beyond a rewrite of the message around it, and
 * says so when the app does not answer in time.
 */

import { icon } from "./dom.js";

/** Slack gives an app this long to acknowledge. */
const PATIENCE = 3000;

const REASONS = {
  operation_timeout: "did not answer within 3 seconds. Try again, or look whether it is running.",
  dispatch_failed: "could not be reached, or refused this. See whether it is running, and try again.",
};

/** A sentence for a delivery that went wrong. */
export function deliveryFault(app, error) {
  const reason = Object.hasOwn(REASONS, error ?? "") ? REASONS[error] : `answered with an error (${error ?? "unknown"}).`;
  return `${app} ${reason}`;
}

/** What was pressed, by the key of the pressable thing: `{status, note}`. */
const presses = new Map();

function paint(key) {
  const press = presses.get(key);
  const marked = CSS.escape(key);
  for (const node of document.querySelectorAll(`[data-press="${marked}"]`)) dress(node, press);
  for (const note of document.querySelectorAll(`[data-press-note="${marked}"]`)) write(note, press);
}

/** Show on an element whether it waits for an answer. */
function dress(node, press) {
  const waiting = press?.status === "pending" || press?.status === "late";
  node.classList.toggle("is-pending", waiting);
  node.setAttribute("aria-busy", String(waiting));
}

function write(note, press) {
  note.hidden = !press?.note;
  note.replaceChildren(...(press?.note ? [icon("warning"), press.note] : []));
}

/** Give a new element and its note the state that its key already has. */
export function adopt(node, note, key) {
  node.dataset.press = key;
  note.dataset.pressNote = key;
  dress(node, presses.get(key));
  write(note, presses.get(key));
}

function become(key, press) {
  if (press) presses.set(key, press);
  else presses.delete(key);
  paint(key);
}

/**
 * Send what was pressed. `send` resolves to `{ok, delivery: {ok, error}}`; while it waits a second
 * press is not sent.
 */
export async function press(key, app, send) {
  if (["pending", "late"].includes(presses.get(key)?.status)) return;
  become(key, { status: "pending", note: null });
  const late = { status: "late", note: `${app} has not answered for 3 seconds. Still waiting.` };
  const timer = setTimeout(() => become(key, late), PATIENCE);
  const fault = await outcome(app, send);
  clearTimeout(timer);
  become(key, fault && { status: "failed", note: fault });
}

async function outcome(app, send) {
  try {
    const answer = await send();
    if (answer.ok && answer.delivery?.ok !== false) return null;
    return deliveryFault(app, answer.delivery?.error ?? answer.error);
  } catch (error) {
    if (error.name !== "CallFailed") throw error;
    return error.message;
  }
}

/** An app that rewrites its message has answered: what was said about late or failed presses there goes. */
export function settle(prefix) {
  for (const [key, press] of presses) {
    if (key.startsWith(`${prefix}|`) && press.status !== "pending") become(key, null);
  }
}
