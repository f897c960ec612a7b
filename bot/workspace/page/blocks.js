/** Block Kit blocks as elements. A block of an unknown type, or a broken one, says so in its place. */

import { freshId, h, link, safeUrl } from "./dom.js";
import { drawElement, isElement } from "./elements.js";
import { mrkdwn, plain, textObject } from "./prose.js";
import { richText } from "./rich_text.js";

const DRAW = new Map(Object.entries({
  section,
  context: contextBlock,
  actions,
  header: (block) => h("h3", { class: "block-header" }, plain(block.text)),
  divider: () => h("hr", { class: "rule" }),
  image: imageBlock,
  input,
  rich_text: (block, place) => richText(block.elements ?? [], place.names),
}));

/** All blocks of a message or view; `errors` maps block ids to sentences for their inputs. */
export function drawBlocks(blocks, place, errors = {}) {
  return h("div", { class: "blocks" }, blocks.map((block) => drawBlock(block, place, errors)));
}

function drawBlock(block, place, errors) {
  const draw = DRAW.get(block?.type);
  const inside = draw ? draw(block, place, errors) : unknown(block?.type);
  return h("div", { class: `block block-${draw ? block.type : "unknown"}`, data: { block: block?.block_id ?? "" } }, inside);
}

const unknown = (type) => h("p", { class: "unknown" }, `“${type ?? "nothing"}” is not something this workspace can show.`);

function element(data, place, context) {
  return data && isElement(data.type) ? drawElement(data, place, context) : unknown(data?.type);
}

function section(block, place) {
  const text = block.text && textObject(block.text, place.names);
  const fields = block.fields?.length && h("div", { class: "fields" }, block.fields.map((field) => textObject(field, place.names)));
  const label = plain(block.text).replace(/[*_~`]/g, "") || "Choose";
  return h("div", { class: "section" },
    h("div", { class: "section-text" }, text, fields),
    block.accessory && h("div", { class: "accessory" }, accessory(block, place, label)));
}

function accessory(block, place, label) {
  if (block.accessory.type === "image") return image(block.accessory, "accessory-image");
  return element(block.accessory, place, { blockId: block.block_id, label });
}

function contextBlock(block, place) {
  return (block.elements ?? []).map((item) =>
    item.type === "image" ? image(item, "context-image") : textObject(item, place.names));
}

function actions(block, place) {
  const notes = [];
  const context = (data) => ({ blockId: block.block_id, notes, label: plain(data.placeholder) || "Choose" });
  const drawn = (block.elements ?? []).map((data) => element(data, place, context(data)));
  return [h("div", { class: "actions" }, drawn), notes];
}

function input(block, place, errors) {
  const id = freshId("input");
  const error = errors[block.block_id];
  const hint = block.hint && h("p", { class: "hint", id: `${id}-hint` }, textObject(block.hint, place.names));
  const told = h("p", { class: "input-error", id: `${id}-error`, hidden: !error }, error);
  const context = {
    blockId: block.block_id,
    label: plain(block.label),
    inputId: id,
    describedBy: [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(" ") || null,
    invalid: Boolean(error),
    inForm: true,
    dispatch: block.dispatch_action,
  };
  return h("div", { class: error ? "field has-error" : "field" },
    h("label", { class: "label", htmlFor: id }, plain(block.label), block.optional && h("span", { class: "optional" }, " (optional)")),
    element(block.element, place, context), told, hint);
}

function imageBlock(block) {
  return h("figure", { class: "figure" },
    block.title && h("figcaption", null, plain(block.title)),
    image(block, "block-image"));
}

/** An image; its alternative text stands in when it cannot be had. */
function image(data, style) {
  const address = data.image_url ?? data.slack_file?.url;
  const url = safeUrl(address ?? "");
  const instead = () => h("span", { class: `${style} image-missing` }, data.alt_text || "Image", url && [" ", link(url, "open")]);
  if (!url) return instead();
  const node = h("img", { class: style, alt: data.alt_text ?? "", src: url, loading: "lazy", referrerpolicy: "no-referrer" });
  if (data.image_width && data.image_height) Object.assign(node, { width: data.image_width, height: data.image_height });
  node.addEventListener("error", () => node.replaceWith(instead()));
  return node;
}

const NAMED_COLORS = { good: "var(--good)", warning: "var(--warn)", danger: "var(--bad)" };

/** Secondary attachments: a coloured bar beside blocks, or the older title, text and fields. */
export function drawAttachment(attachment, place) {
  const inside = attachment.blocks ? drawBlocks(attachment.blocks, place) : legacy(attachment, place.names);
  const node = h("div", { class: "attachment" }, inside);
  const color = attachment.color ?? "";
  const hex = /^#?([0-9a-f]{6}|[0-9a-f]{3})$/i.test(color) ? `#${color.replace("#", "")}` : null;
  const bar = Object.hasOwn(NAMED_COLORS, color) ? NAMED_COLORS[color] : hex;
  if (bar) node.style.setProperty("--bar", bar);
  return [attachment.pretext && mrkdwn(attachment.pretext, place.names), node];
}

function legacy(attachment, names) {
  const title = attachment.title && h("strong", null, attachment.title_link ? link(attachment.title_link, attachment.title) : attachment.title);
  const fields = (attachment.fields ?? []).map((field) =>
    h("div", { class: field.short ? "" : "field-long" }, h("strong", null, field.title), mrkdwn(field.value, names)));
  return [
    title,
    attachment.text ? mrkdwn(attachment.text, names) : !title && mrkdwn(attachment.fallback, names),
    fields.length > 0 && h("div", { class: "fields" }, fields),
    attachment.footer && h("small", { class: "muted" }, attachment.footer),
  ];
}
