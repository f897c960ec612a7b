/** What every page has: the connection, a failure, who is signed in, the theme and the keyboard. */

import { h, icon, mark } from "./dom.js";
import { listen, showKeys } from "./keys.js";
import { Live } from "./live.js";
import { clock, now, setClock, tick } from "./time.js";
import { setPeople } from "./words.js";

const connection = document.querySelector("#connection");
const failure = document.querySelector("#failure");
let seen = null; // when the page was last true
let live = null;

/** Say who is signed in, and how to sign out. */
export function showYou(you) {
  const node = document.querySelector("#you");
  if (node.dataset.you === (you?.id ?? "")) return;
  node.dataset.you = you?.id ?? "";
  node.replaceChildren(...(you ? [h("span", null, you.name), h("a", { href: "/signout" }, "Sign out")] : []));
}

const CONNECTION = {
  live: () => ["good", "Live"],
  lost: () => ["warning", seen ? `Connection lost. Shown as of ${clock(seen)}; trying again …` : "No connection; trying again …"],
  refused: (error) => ["bad", error.message],
};

function tellConnection(state, error) {
  const [tone, text] = CONNECTION[state](error);
  if (connection.dataset.state !== state || connection.textContent !== text) {
    connection.dataset.state = state;
    connection.replaceChildren(mark(tone), h("span", null, text));
  }
  document.body.classList.toggle("is-stale", state !== "live");
  if (state !== "live" && (!seen || state === "refused")) tellFailure(error);
}

function tellFailure(error) {
  document.body.dataset.state = seen ? "ready" : "failed";
  failure.hidden = false;
  const again = h("button", { type: "button", class: "button", on: { click: () => (error.status === 401 ? location.reload() : live.start()) } },
    error.status === 401 ? "Sign in" : "Try now");
  failure.replaceChildren(h("strong", null, seen ? "The page is no longer up to date." : "The page could not be read."),
    h("p", null, `${error.message} ${error.remedy ?? "It is tried again by itself."}`), again);
}

const THEMES = { system: ["screen", "As the system"], light: ["sun", "Light"], dark: ["moon", "Dark"] };

function setTheme(name) {
  const [drawing, word] = THEMES[name];
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  const button = document.querySelector("#theme");
  button.replaceChildren(icon(drawing));
  button.title = `Theme: ${word.toLowerCase()} (t)`;
  button.setAttribute("aria-label", button.title);
  localStorage.setItem("board.theme", name);
}

function turnTheme() {
  const names = Object.keys(THEMES);
  setTheme(names[(names.indexOf(localStorage.getItem("board.theme") ?? "system") + 1) % names.length]);
}

/** Read again, because something was done or chosen here. */
export const refresh = () => live.now();

/**
 * Run a page: `read()` what it shows, `show` it, again and again. What is read has `at`, the server's time, and may
 * have `you` and `people`. `filters` is what `/` does, in words, for the list of keys.
 */
export function run(read, show, filters) {
  const kept = localStorage.getItem("board.theme");
  setTheme(kept in THEMES ? kept : "system");
  document.querySelector("#theme").addEventListener("click", turnTheme);
  document.querySelector("#keys").addEventListener("click", () => showKeys(filters));
  listen(turnTheme, filters);
  setInterval(tick, 1000);
  live = new Live(read, (found) => {
    setClock(found.at);
    if (found.people) setPeople(found.people);
    show(found);
    showYou(found.you);
    seen = now();
    failure.hidden = true;
    document.body.dataset.state = "ready";
  }, tellConnection);
  live.start();
}
