/** Dialogs that change something. What is refused is said in the dialog. */

import { h } from "./dom.js";
import { ask } from "./live.js";
import { plural } from "./words.js";

const LASTS = [["3600", "1 hour"], ["14400", "4 hours"], ["86400", "1 day"], ["604800", "1 week"], ["", "until resolved"]];
const PAUSE = 250;

/** Send a change; its answer. Throws what is refused. */
export function send(path, body) {
  const key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  return ask(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", "Idempotency-Key": key } });
}

/** A form in a dialog: `act` is done when it is sent, and closes it unless it throws. */
export function openDialog(title, label, body, act, kind = "") {
  const said = h("p", { class: "dialog-said", role: "alert", hidden: true });
  const go = h("button", { class: `button ${kind}` }, label);
  const cancel = h("button", { type: "button", class: "button plain", on: { click: () => dialog.close() } }, "Cancel");
  const form = h("form", { method: "dialog", on: { submit } }, h("h2", null, title), body, said, h("div", { class: "dialog-end" }, cancel, go));
  const dialog = h("dialog", { class: "deed", "aria-label": title }, form);

  async function submit(event) {
    event.preventDefault();
    go.disabled = true;
    try {
      await act();
      dialog.close();
    } catch (error) {
      said.hidden = false;
      said.textContent = `${error.message} ${error.remedy ?? ""}`;
      go.disabled = false;
    }
  }
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Ask before something that is not undone by itself; `act` is done after a yes. */
export function askFirst([title, text, label], kind, act) {
  openDialog(title, label, h("p", null, text), act, kind === "danger" ? kind : "");
}

/** Ask for a number of instances; `act` is done with it. */
export function askNumber([title, text, label, value], act) {
  const number = h("input", { class: "field", type: "number", min: 1, max: 1000, step: 1, required: true, autofocus: true, value, "aria-label": "Instances" });
  openDialog(title, label, [h("p", null, text), h("label", null, "Instances", number)], () => act(Number(number.value)));
}

/** End this silence, after asking. `done` is called when it has ended. */
export function endSilence(one, done) {
  const body = [h("p", null, one.matchers.map((text) => [h("code", { class: "label" }, text), " "])),
    h("p", { class: "soft" }, one.mutes ? `${plural(one.mutes, "alert is", "alerts are")} told again.` : "It mutes nothing now.")];
  openDialog("End this silence?", "End it now", body, async () => { await send(`/silences/${encodeURIComponent(one.id)}/expire`, {}); done(); });
}

/** Make a silence for alerts with these labels. `done` is called with it. */
export function makeSilence(labels, done) {
  const text = Object.entries(labels).map(([name, value]) => `${/^\w+$/.test(name) ? name : JSON.stringify(name)}=${JSON.stringify(value)}`).join(", ");
  const matchers = h("textarea", { class: "field", rows: 3, "aria-label": "Matchers", spellcheck: "false", on: { input: () => soon() } });
  matchers.value = text;
  const lasts = h("select", { class: "field", "aria-label": "For how long" }, LASTS.map(([value, word]) => h("option", { value }, word)));
  const comment = h("input", { class: "field", "aria-label": "Why", placeholder: "Why, for the others", maxlength: 1000, required: true, autofocus: true });
  const preview = h("p", { class: "soft preview", role: "status" });
  let wait = null;

  async function look() {
    try {
      const found = await ask(`/alerts/groups?${new URLSearchParams({ filter: matchers.value, limit: 0 })}`);
      const muted = found.counts.active + found.counts.suppressed + found.counts.pending;
      preview.textContent = `Matches ${plural(muted, "alert", "alerts")} now.`;
      preview.classList.remove("is-bad");
    } catch (error) {
      preview.textContent = error.message;
      preview.classList.add("is-bad");
    }
  }
  function soon() { clearTimeout(wait); wait = setTimeout(look, PAUSE); }
  const body = [h("label", null, "What matches all of this", matchers), preview, h("label", null, "For", lasts), h("label", null, "Because", comment)];
  openDialog("Silence", "Silence", body, async () => {
    const seconds = lasts.value ? Number(lasts.value) : null;
    done(await send("/silences", { matchers: matchers.value, seconds, comment: comment.value }));
  });
  look();
}
