/** Joins the parts: the address says who and where, the session brings it, the panes show it. */

import "./sidebar.js";
import "./conversation.js";
import "./thread.js";
import "./home.js";
import "./modal.js";
import { h, icon } from "./dom.js";
import { listenForKeys } from "./keys.js";
import { channelName, displayName } from "./people.js";
import { closePopup } from "./popup.js";
import { go, isPlace, landing, parseHash } from "./routes.js";
import { Session } from "./session.js";
import { Store } from "./store.js";
import { refreshTimes } from "./time.js";

const store = new Store();
const session = new Session(store);
const narrow = matchMedia("(max-width: 720px)");
const lastPlaceKey = (user) => `workspace.place.${user}`;

/** Follow the address: another person means starting again as that person. */
function follow() {
  const route = parseHash(location.hash);
  closePopup();
  store.dispatch({ type: "route", route });
  if (route.user && route.user !== store.state.you) session.boot(route.user);
  else session.open(route);
}

/** An address without a place, or with one that is not there, becomes one that is. */
function land(state) {
  if (state.status !== "ready") return;
  const { user, place, thread } = state.route;
  const listed = user === state.you && !place && narrow.matches;
  if (user && user !== state.you && state.people.includes(user)) return;
  if (listed || (user === state.you && place && isPlace(state, place))) return;
  const wanted = place && isPlace(state, place) ? place : landing(state, localStorage.getItem(lastPlaceKey(state.you)));
  go({ user: state.you, place: wanted, thread: wanted === place ? thread : null }, { replace: true });
}

function showPage(state) {
  const { place, thread } = state.route;
  document.body.dataset.page = thread && state.channels[place] ? "thread" : place ? "conversation" : "sidebar";
  if (state.status === "ready" && isPlace(state, place)) localStorage.setItem(lastPlaceKey(state.you), place);
}

function showTitle(state) {
  if (state.status !== "ready") return;
  const channel = state.channels[state.route.place];
  const app = state.apps.find((one) => one.id === state.route.place);
  const name = channel ? `${channel.is_im ? "" : "#"}${channelName(channel, state)}` : app?.name;
  const waiting = Object.values(state.channels).reduce((sum, one) => sum + (one.mentions ?? 0), 0);
  const parts = [name, displayName(state.users[state.you]), state.team.name].filter(Boolean);
  const news = Object.values(state.channels).some((one) => one.unread);
  document.title = `${waiting ? `(${waiting}) ` : news ? "• " : ""}${parts.join(" · ")}`;
}

const banner = document.querySelector("#banner");
let wasLost = false;

/** Say that the connection is lost, and that it is back. */
function showConnection({ connection, status, fault }) {
  const lost = connection === "lost" || status === "failed";
  if (lost === wasLost && banner.dataset.fault === (fault ?? "")) return;
  banner.dataset.fault = fault ?? "";
  banner.classList.toggle("is-lost", lost);
  const again = h("button", { type: "button", class: "banner-button", on: { click: () => retry() } }, "Try now");
  if (lost) banner.replaceChildren(icon("warning"), h("span", null, fault ?? "The connection to the workspace is lost. Trying again…"), again);
  else if (wasLost) banner.replaceChildren(h("span", null, "Connected again."));
  wasLost = lost;
}

function retry() {
  if (store.state.status === "failed") session.boot(store.state.route.user);
  else session.reconnect();
}

for (const name of ["ws-sidebar", "ws-conversation", "ws-thread", "ws-home", "ws-modal"]) {
  document.querySelector(name).connect({ store, session });
}
for (const view of [land, showPage, showTitle, showConnection]) store.follow(view);
listenForKeys(store);
addEventListener("hashchange", follow);
addEventListener("online", () => session.reconnect());
narrow.addEventListener("change", () => land(store.state));
setInterval(() => refreshTimes(new Date()), 30_000);

const route = parseHash(location.hash);
store.dispatch({ type: "route", route });
session.boot(route.user);
