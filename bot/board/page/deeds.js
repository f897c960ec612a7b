/** The row of buttons for what may be done to a subject, with why some are missing and what was refused. */

import { askFirst, askNumber } from "./dialogs.js";
import { h, typed } from "./dom.js";
import { refresh } from "./frame.js";

/** Why there is no button, for whoever looks for one. */
function missing({ offers, may, you, remark }) {
  if (offers.length && !may.length && !you) return ["To decide here, sign in: ", typed("/ops board"), " in chat gives a link."];
  return remark;
}

/**
 * The row as `node`; `show(subject, print)` brings it up to date. A subject has `offers`, `may`, `you` and `remark`; `print`
 * is what else the buttons depend on, its first part the state: once that is another one, a refusal is over.
 *
 * `table` has for each offer its `word` and `kind`, and `ask` or `number` where a question comes first;
 * `act(name, subject, number)` does it.
 */
export function deedRow(table, act) {
  const buttons = h("div", { class: "deeds-row" });
  const note = h("p", { class: "soft deeds-note" });
  const said = h("p", { class: "deeds-said", role: "alert", hidden: true });
  const node = h("div", { class: "sheet-deeds", hidden: true }, buttons, note, said);
  let before = "";
  let state = null;

  function refuse(error) {
    said.hidden = false;
    said.textContent = `${error.message} ${error.remedy ?? ""}`.trim();
  }

  async function press(name, subject) {
    const deed = table[name];
    said.hidden = true;
    if (deed.number) return askNumber(deed.number(subject), (number) => act(name, subject, number));
    if (deed.ask) return askFirst(deed.ask(subject), deed.kind, () => act(name, subject));
    for (const button of buttons.children) button.disabled = true;
    try {
      await act(name, subject);
    } catch (error) {
      refuse(error);
      refresh();
    }
    for (const button of buttons.children) button.disabled = false;
  }

  function show(subject, print) {
    const fresh = JSON.stringify([subject.may, subject.offers, subject.remark, subject.you, print]);
    if (fresh === before) return;
    if (before && state !== print[0]) said.hidden = true;
    [before, state] = [fresh, print[0]];
    const focused = buttons.contains(document.activeElement);
    buttons.replaceChildren(...subject.may.filter((name) => name in table).map((name) => h("button", {
      type: "button", class: `button ${table[name].kind}`, on: { click: () => press(name, subject) },
    }, table[name].word(subject))));
    if (focused) (buttons.firstElementChild ?? node.closest("section")).focus({ preventScroll: true });
    const why = [missing(subject)].flat().filter(Boolean);
    note.replaceChildren(...why);
    note.hidden = !why.length;
    node.hidden = !subject.may.length && !why.length && said.hidden;
  }
  return { node, show };
}
