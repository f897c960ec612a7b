/**
 * Interactive Block Kit elements. Each is drawn from its data and a place: `place.form` keeps values,
 * `place.act(action)` tells the app, `place.names` finds people and channels, `place.options` asks the app
 * for choices, `place.key` tells one message or view from another.
 */

import { freshId, h, icon, safeUrl } from "./dom.js";
import { channelName, displayName } from "./people.js";
import { Picker, optionGroups, pickable } from "./picker.js";
import { confirmed, menu, overflowItems } from "./popup.js";
import { adopt } from "./presses.js";
import { plain, textObject } from "./prose.js";

const ENTITY_SELECTS = {
  users_select: ["selected_user", "people"],
  channels_select: ["selected_channel", "channels"],
  conversations_select: ["selected_conversation", "conversations"],
  multi_users_select: ["selected_users", "people"],
  multi_channels_select: ["selected_channels", "channels"],
  multi_conversations_select: ["selected_conversations", "conversations"],
};

const DRAW = new Map(Object.entries({
  button,
  workflow_button: button,
  overflow,
  plain_text_input: textInput,
  number_input: typed("text", "decimal"),
  email_text_input: typed("email", "email"),
  url_text_input: typed("url", "url"),
  datepicker: moment("date", "selected_date"),
  timepicker: moment("time", "selected_time"),
  datetimepicker: dateTime,
  radio_buttons: choices("radio"),
  checkboxes: choices("checkbox"),
  static_select: optionSelect,
  external_select: optionSelect,
  multi_static_select: optionSelect,
  multi_external_select: optionSelect,
  image: (element) => element,
}));
for (const type of Object.keys(ENTITY_SELECTS)) DRAW.set(type, entitySelect);

/** Whether this page can draw an element of this type. */
export const isElement = (type) => DRAW.has(type);

/** An element inside its block; `context.label` is what the input block calls it. */
export function drawElement(element, place, context) {
  return DRAW.get(element.type)(element, place, context);
}

const keyOf = (element, place, context) => [place.key, context.blockId, element.action_id].join("|");
const base = (element, context) => ({ type: element.type, block_id: context.blockId, action_id: element.action_id });

/** Confirm if the element asks for it, then tell the app. */
async function tell(element, place, context, part) {
  if (!(await confirmed(element.confirm, place.names))) return;
  place.act({ ...base(element, context), ...part }, keyOf(element, place, context));
}

/** Keep a new value; outside a form's inputs the app hears of it at once. */
function put(element, place, context, part) {
  place.form.set(context.blockId, element, part);
  tellValue(element, place, context);
}

function tellValue(element, place, context) {
  if (!context.inForm || context.dispatch) tell(element, place, context, place.form.bind(context.blockId, element));
}

/** The element with the line that says when the app did not answer. */
function answering(node, element, place, context) {
  const note = h("p", { class: "press-note", role: "status", hidden: true });
  adopt(node, note, keyOf(element, place, context));
  node.dataset.key = `${context.blockId}|${element.action_id}`;
  context.notes?.push(note);
  return context.notes ? node : h("div", { class: "answering" }, node, note);
}

function button(element, place, context) {
  const style = { primary: "button-primary", danger: "button-danger" }[element.style] ?? "";
  const props = { class: `button ${style}`, "aria-label": element.accessibility_label };
  const href = element.url ? safeUrl(element.url) : null;
  const away = href && { href, target: "_blank", rel: "noopener noreferrer", role: "button" };
  const node = h(href ? "a" : "button", { ...props, ...(away || { type: "button" }) }, h("span", null, plain(element.text)));
  const part = { text: element.text, value: element.value };
  if (element.style) part.style = element.style;
  node.addEventListener("click", () => tell(element, place, context, part));
  return answering(node, element, place, context);
}

function overflow(element, place, context) {
  const choose = (option) => tell(element, place, context, { selected_option: option });
  const props = { type: "button", class: "button button-icon", "aria-label": "More actions", "aria-haspopup": "menu" };
  const node = h("button", { ...props, "aria-expanded": "false" }, icon("more"));
  node.addEventListener("click", () => menu(node, "More actions", overflowItems(element.options ?? [], choose)));
  return answering(node, element, place, context);
}

function described(context) {
  return {
    id: context.inputId,
    "aria-describedby": context.describedBy,
    "aria-invalid": context.invalid ? "true" : null,
    "aria-label": context.inputId ? null : context.label,
  };
}

function textInput(element, place, context) {
  const { value } = place.form.bind(context.blockId, element);
  const node = h(element.multiline ? "textarea" : "input", {
    class: "input",
    rows: element.multiline ? "4" : null,
    type: element.multiline ? null : "text",
    placeholder: plain(element.placeholder),
    autocomplete: "off",
    value: value ?? "",
    ...described(context),
  });
  const count = h("p", { class: "room" });
  const measure = () => showRoom(count, element, node.value.length);
  node.addEventListener("input", () => {
    place.form.set(context.blockId, element, { value: node.value === "" ? null : node.value });
    measure();
  });
  onDispatch(node, element, place, context);
  measure();
  node.dataset.key = `${context.blockId}|${element.action_id}`;
  node.toggleAttribute("data-autofocus", Boolean(element.focus_on_load));
  return element.max_length || element.min_length ? [node, count] : node;
}

/** How many characters are left, once it matters; how many are missing, while there are too few. */
function showRoom(count, { min_length: least = 0, max_length: most = Infinity }, length) {
  const left = most - length;
  count.classList.toggle("is-over", left < 0);
  if (length > 0 && length < least) count.textContent = `${least - length} more`;
  else count.textContent = left <= Math.max(20, most / 5) ? String(left) : "";
}

/** An input with dispatch tells the app on Enter, or at each change when it asks for that. */
function onDispatch(node, element, place, context) {
  if (!context.dispatch) return;
  const triggers = element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
  const send = () => tell(element, place, context, { value: node.value });
  if (triggers.includes("on_character_entered")) node.addEventListener("input", send);
  if (!triggers.includes("on_enter_pressed")) return;
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || element.multiline) return;
    event.preventDefault();
    send();
  });
}

function typed(type, mode) {
  return (element, place, context) => {
    const node = textInput({ ...element, multiline: false }, place, context);
    const input = Array.isArray(node) ? node[0] : node;
    input.type = type;
    input.inputMode = mode;
    return node;
  };
}

function moment(type, name) {
  return (element, place, context) => {
    const value = place.form.bind(context.blockId, element)[name];
    const node = h("input", { class: "input input-moment", type, value: value ?? "", ...described(context) });
    node.addEventListener("change", () => put(element, place, context, { [name]: node.value || null }));
    return answering(node, element, place, context);
  };
}

const two = (number) => String(number).padStart(2, "0");

/** Seconds since 1970 -> what an `<input type="datetime-local">` holds. */
function localText(unix) {
  const date = new Date(unix * 1000);
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

function dateTime(element, place, context) {
  const unix = place.form.bind(context.blockId, element).selected_date_time;
  const node = h("input", { class: "input input-moment", type: "datetime-local", value: unix ? localText(unix) : "", ...described(context) });
  const read = () => (node.value ? Math.floor(new Date(node.value).getTime() / 1000) : null);
  node.addEventListener("change", () => put(element, place, context, { selected_date_time: read() }));
  return answering(node, element, place, context);
}

function choices(type) {
  return (element, place, context) => {
    const value = place.form.bind(context.blockId, element);
    const chosen = type === "radio" ? [value.selected_option].filter(Boolean) : value.selected_options;
    const name = freshId("choice");
    const options = element.options ?? [];
    const group = h("div", { class: "choices", role: type === "radio" ? "radiogroup" : "group", "aria-label": context.label, "aria-describedby": context.describedBy },
      options.map((option) => choice(type, name, option, chosen.some((other) => other.value === option.value), place)));
    group.addEventListener("change", () => {
      const marked = options.filter((_, at) => group.querySelectorAll("input")[at].checked);
      put(element, place, context, type === "radio" ? { selected_option: marked[0] ?? null } : { selected_options: marked });
    });
    return answering(group, element, place, context);
  };
}

function choice(type, name, option, checked, place) {
  return h("label", { class: "choice" },
    h("input", { type, name, checked }),
    h("span", null, textObject(option.text, place.names),
      option.description && h("small", null, textObject(option.description, place.names))));
}

function picker(element, place, context, settings) {
  const multi = element.type.startsWith("multi_");
  const made = new Picker({
    label: context.label,
    placeholder: plain(element.placeholder) || (multi ? "Select options" : "Select an option"),
    multi,
    most: element.max_selected_items ?? Infinity,
    props: { "aria-describedby": context.describedBy, "aria-invalid": context.invalid ? "true" : null, id: context.inputId },
    done: () => tellValue(element, place, context),
    ...settings,
  });
  return answering(made.field, element, place, context);
}

function optionSelect(element, place, context) {
  const multi = element.type.startsWith("multi_");
  const remote = element.type.endsWith("external_select");
  const value = () => place.form.bind(context.blockId, element);
  const load = async (query) =>
    optionGroups(await place.options({ action_id: element.action_id, block_id: context.blockId, value: query }));
  return picker(element, place, context, {
    remote,
    minQuery: remote ? (element.min_query_length ?? 3) : 0,
    load: remote ? load : (query) => optionGroups(element, query),
    chosen: () => (multi ? value().selected_options : [value().selected_option].filter(Boolean)).map(pickable),
    choose: (picked) => {
      const options = picked.map((option) => option.value);
      const part = multi ? { selected_options: options } : { selected_option: options[0] ?? null };
      place.form.set(context.blockId, element, part);
    },
  });
}

const LISTS = {
  people: (state) => Object.values(state.users).map((user) => [user.id, displayName(user)]),
  channels: (state) => Object.values(state.channels).filter((c) => !c.is_im).map((c) => [c.id, `#${c.name}`]),
  conversations: (state) =>
    Object.values(state.channels).map((c) => [c.id, c.is_im ? channelName(c, state) : `#${c.name}`]),
};

function entitySelect(element, place, context) {
  const [part, list] = ENTITY_SELECTS[element.type];
  const multi = element.type.startsWith("multi_");
  const all = LISTS[list](place.state()).map(([id, label]) => ({ key: id, label, value: id }));
  const known = (id) => all.find((option) => option.key === id) ?? { key: id, label: id, value: id };
  const value = () => place.form.bind(context.blockId, element)[part];
  return picker(element, place, context, {
    load: (query) => [{ options: all.filter((option) => option.label.toLowerCase().includes(query.toLowerCase())) }],
    chosen: () => (multi ? value() : [value()].filter(Boolean)).map(known),
    choose: (picked) => {
      const ids = picked.map((option) => option.value);
      place.form.set(context.blockId, element, { [part]: multi ? ids : (ids[0] ?? null) });
    },
  });
}
