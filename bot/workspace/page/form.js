/** What a person has put into the inputs of one message or view; survives rewrites of it. */

const EMPTY = {
  plain_text_input: (e) => ({ value: e.initial_value ?? null }),
  number_input: (e) => ({ value: e.initial_value ?? null }),
  email_text_input: (e) => ({ value: e.initial_value ?? null }),
  url_text_input: (e) => ({ value: e.initial_value ?? null }),
  static_select: (e) => ({ selected_option: e.initial_option ?? null }),
  external_select: (e) => ({ selected_option: e.initial_option ?? null }),
  users_select: (e) => ({ selected_user: e.initial_user ?? null }),
  channels_select: (e) => ({ selected_channel: e.initial_channel ?? null }),
  conversations_select: (e) => ({ selected_conversation: e.initial_conversation ?? null }),
  multi_static_select: (e) => ({ selected_options: e.initial_options ?? [] }),
  multi_external_select: (e) => ({ selected_options: e.initial_options ?? [] }),
  multi_users_select: (e) => ({ selected_users: e.initial_users ?? [] }),
  multi_channels_select: (e) => ({ selected_channels: e.initial_channels ?? [] }),
  multi_conversations_select: (e) => ({ selected_conversations: e.initial_conversations ?? [] }),
  datepicker: (e) => ({ selected_date: e.initial_date ?? null }),
  timepicker: (e) => ({ selected_time: e.initial_time ?? null }),
  datetimepicker: (e) => ({ selected_date_time: e.initial_date_time ?? null }),
  radio_buttons: (e) => ({ selected_option: e.initial_option ?? null }),
  checkboxes: (e) => ({ selected_options: e.initial_options ?? [] }),
};

/** Whether an element keeps a value (a button or an overflow menu does not). */
const isInput = (element) => Object.hasOwn(EMPTY, element.type);

export class Form {
  #values = new Map();
  #drawn = new Set();

  /** Forget what is not on the page any more: call before and after drawing the blocks anew. */
  redraw(draw) {
    this.#drawn.clear();
    draw();
    for (const key of this.#values.keys()) if (!this.#drawn.has(key)) this.#values.delete(key);
  }

  /** The value of an element, its initial one when nothing was put in yet. */
  bind(blockId, element) {
    const key = JSON.stringify([blockId, element.action_id]);
    const known = this.#values.get(key);
    this.#drawn.add(key);
    if (known?.type !== element.type) {
      this.#values.set(key, { type: element.type, ...EMPTY[element.type](element) });
    }
    return this.#values.get(key);
  }

  set(blockId, element, part) {
    this.#values.set(JSON.stringify([blockId, element.action_id]), { type: element.type, ...part });
  }

  /** Slack's `state`: `{values: {block_id: {action_id: {type, …}}}}`. */
  snapshot() {
    const values = {};
    for (const [key, value] of this.#values) {
      const [blockId, actionId] = JSON.parse(key);
      values[blockId] = { ...values[blockId], [actionId]: value };
    }
    return { values };
  }
}

const MISSING = "Please fill in this field.";

function isEmpty(value) {
  const [content] = Object.entries(value).filter(([name]) => name !== "type").map(([, part]) => part);
  return content === null || content === "" || (Array.isArray(content) && content.length === 0);
}

function wrongText(element, text) {
  if (element.min_length && text.length < element.min_length) {
    return `Please write at least ${element.min_length} characters; there are ${text.length}.`;
  }
  if (element.max_length && text.length > element.max_length) {
    return `Please write at most ${element.max_length} characters; there are ${text.length}.`;
  }
  return null;
}

function wrongNumber(element, text) {
  const number = Number(text);
  if (!Number.isFinite(number)) return "Please write a number.";
  if (!element.is_decimal_allowed && !Number.isInteger(number)) return "Please write a whole number.";
  if (element.min_value !== undefined && number < Number(element.min_value)) return `The least is ${element.min_value}.`;
  if (element.max_value !== undefined && number > Number(element.max_value)) return `The most is ${element.max_value}.`;
  return null;
}

const CHECKS = {
  plain_text_input: wrongText,
  number_input: wrongNumber,
  email_text_input: (_, text) => (/^\S+@\S+$/.test(text) ? null : "Please write an e-mail address."),
  url_text_input: (_, text) => (URL.canParse(text) ? null : "Please write an address such as https://example.org."),
};

/** What stands against submitting: block id -> sentence, for the input blocks of a view. */
export function faultsOf(blocks, form) {
  const faults = {};
  for (const block of blocks) {
    if (block.type !== "input" || !isInput(block.element)) continue;
    const value = form.bind(block.block_id, block.element);
    const fault = isEmpty(value)
      ? !block.optional && MISSING
      : CHECKS[block.element.type]?.(block.element, value.value);
    if (fault) faults[block.block_id] = fault;
  }
  return faults;
}
