/** The emoji that apps commonly name as `:name:`; any other name is shown as it was written. */

import { h } from "./dom.js";

const TABLE = `
  +1 👍  thumbsup 👍  -1 👎  thumbsdown 👎  100 💯  alarm_clock ⏰
  arrow_down ⬇️  arrow_forward ▶️  arrow_left ⬅️  arrow_right ➡️  arrow_up ⬆️  arrows_counterclockwise 🔄
  ballot_box_with_check ☑️  bar_chart 📊  bell 🔔  no_bell 🔕  bird 🐦  black_circle ⚫
  blue_heart 💙  blush 😊  book 📖  books 📚  bookmark 🔖  boom 💥
  bug 🐛  bulb 💡  busts_in_silhouette 👥  bust_in_silhouette 👤  calendar 📅  chart_with_downwards_trend 📉
  chart_with_upwards_trend 📈  checkered_flag 🏁  clap 👏  clipboard 📋  clock3 🕒  cloud ☁️
  coffee ☕  compass 🧭  computer 💻  confetti_ball 🎊  construction 🚧  cry 😢
  dart 🎯  double_vertical_bar ⏸️  pause_button ⏸️  eyes 👀  exclamation ❗  fast_forward ⏩
  file_folder 📁  fire 🔥  flag-us 🇺🇸  gear ⚙️  ghost 👻  globe_with_meridians 🌐
  green_heart 💚  grey_question ❔  grin 😁  hammer 🔨  hammer_and_wrench 🛠️  hand ✋
  heart ❤️  heavy_check_mark ✔️  heavy_minus_sign ➖  heavy_plus_sign ➕  hourglass ⌛  hourglass_flowing_sand ⏳
  house 🏠  information_source ℹ️  joy 😂  key 🔑  label 🏷️  large_blue_circle 🔵
  large_green_circle 🟢  large_orange_circle 🟠  large_purple_circle 🟣  large_yellow_circle 🟡  large_green_square 🟩  large_red_square 🟥
  large_yellow_square 🟨  large_blue_square 🟦  large_orange_square 🟧  white_large_square ⬜  black_large_square ⬛  link 🔗
  lock 🔒  loudspeaker 📢  mag 🔍  mega 📣  memo 📝  microscope 🔬
  money_with_wings 💸  mute 🔇  muscle 💪  no_entry ⛔  no_entry_sign 🚫  ok_hand 👌
  one 1️⃣  two 2️⃣  three 3️⃣  four 4️⃣  five 5️⃣  six 6️⃣
  seven 7️⃣  eight 8️⃣  nine 9️⃣  zero 0️⃣  package 📦  page_facing_up 📄
  pager 📟  paperclip 📎  party_popper 🎉  pencil 📝  pencil2 ✏️  phone ☎️
  point_down 👇  point_left 👈  point_right 👉  point_up ☝️  pray 🙏  pushpin 📌
  question ❓  raised_hands 🙌  recycle ♻️  red_circle 🔴  repeat 🔁  rewind ⏪
  robot_face 🤖  rocket 🚀  rotating_light 🚨  sailboat ⛵  ship 🚢  anchor ⚓
  satellite_antenna 📡  scales ⚖️  scroll 📜  see_no_evil 🙈  shield 🛡️  shrug 🤷
  sleeping 😴  slightly_smiling_face 🙂  smile 😄  smiley 😃  snail 🐌  snowflake ❄️
  sob 😭  sparkles ✨  speech_balloon 💬  star ⭐  stop_button ⏹️  octagonal_sign 🛑
  stopwatch ⏱️  sunglasses 😎  sunny ☀️  sweat_smile 😅  tada 🎉  test_tube 🧪
  thinking_face 🤔  timer_clock ⏲️  tools 🛠️  traffic_light 🚦  vertical_traffic_light 🚦  triangular_flag_on_post 🚩
  trophy 🏆  turtle 🐢  twisted_rightwards_arrows 🔀  unlock 🔓  warning ⚠️  wastebasket 🗑️
  wave 👋  white_check_mark ✅  white_circle ⚪  wink 😉  wrench 🔧  x ❌
  negative_squared_cross_mark ❎  zap ⚡  zzz 💤
`;

const GLYPHS = new Map();
const words = TABLE.trim().split(/\s+/);
for (let at = 0; at < words.length; at += 2) GLYPHS.set(words[at], words[at + 1]);

/** The character of a name, or undefined; a skin tone is left out. */
const glyphOf = (name) => GLYPHS.get(name.replace(/::?skin-tone-\d$/, ""));

/** An emoji with its name as title and for screen readers; unknown names stay `:name:`. */
export function emoji(name) {
  const glyph = glyphOf(name);
  if (glyph === undefined) return document.createTextNode(`:${name}:`);
  const label = name.replaceAll("_", " ");
  return h("span", { class: "emoji", role: "img", "aria-label": label, title: `:${name}:` }, glyph);
}

const SHORTCODE = /:([a-z0-9_+'-]+):/g;

/** Plain text, such as a button's, in which known `:names:` become their characters. */
export const withGlyphs = (text) => text.replace(SHORTCODE, (whole, name) => glyphOf(name) ?? whole);
