/** The left pane: the workspace, who one acts as, channels, direct messages and apps. */

import { h, icon, iconButton } from "./dom.js";
import { showKeys } from "./keys.js";
import { appOfChannel, avatar, channelName, displayName } from "./people.js";
import { menu } from "./popup.js";
import { placeHash } from "./routes.js";

const THEMES = { system: ["screen", "Theme: as the system"], light: ["sun", "Theme: light"], dark: ["moon", "Theme: dark"] };
const THEME_KEY = "workspace.theme";

class Sidebar extends HTMLElement {
  connect({ store }) {
    this.store = store;
    this.team = h("h1", { class: "team" });
    this.person = h("button", { type: "button", class: "person", "aria-haspopup": "menu", "aria-expanded": "false", on: { click: () => this.#people() } });
    this.lists = h("nav", { class: "places", "aria-label": "Channels, people and apps" });
    this.theme = iconButton("screen", "Theme", () => this.#nextTheme());
    this.replaceChildren(
      h("header", { class: "side-head" }, this.team, this.person),
      this.lists,
      h("footer", { class: "side-foot" }, this.theme, iconButton("keys", "Keyboard shortcuts", () => showKeys())));
    this.#showTheme();
    store.follow((state) => this.#update(state));
  }

  #update(state) {
    if (state.status === "booting" || !state.team) return;
    this.team.textContent = state.team.name;
    this.#showPerson(state);
    this.#places(state);
  }

  #showPerson(state) {
    if (this.shownPerson === state.you && this.shownUsers === state.users) return;
    this.shownPerson = state.you;
    this.shownUsers = state.users;
    const you = state.users[state.you];
    this.person.replaceChildren(avatar(you, "small"), h("span", { class: "person-name" }, "You are ", h("strong", null, displayName(you))), icon("down"));
  }

  #people() {
    const { state } = this.store;
    menu(this.person, "Act as", state.people.map((id) => ({
      label: displayName(state.users[id]),
      note: `@${state.users[id]?.name ?? id}`,
      lead: avatar(state.users[id], "medium"),
      checked: id === state.you,
      href: placeHash({ user: id, place: this.#shared(id) }),
    })));
  }

  /** A channel is open to others as well; a direct message or a thread is not. */
  #shared(id) {
    const { route, channels, apps, you } = this.store.state;
    if (id === you) return route.place;
    const open = channels[route.place] && !channels[route.place].is_im;
    return open || apps.some((app) => app.id === route.place) ? route.place : null;
  }

  #places(state) {
    if (["channels", "apps", "users", "route", "you"].every((part) => this.listed?.[part] === state[part])) return;
    this.listed = state;
    const all = Object.values(state.channels);
    const people = all.filter((channel) => channel.is_im && !appOfChannel(channel, state));
    const byName = (one, other) => channelName(one, state).localeCompare(channelName(other, state));
    const sections = [
      ["Channels", all.filter((channel) => !channel.is_im).sort(byName).map((channel) => this.#channel(channel, state))],
      ["Direct messages", people.sort(byName).map((channel) => this.#channel(channel, state))],
      ["Apps", state.apps.map((app) => this.#app(app, all, state))],
    ];
    const focused = this.lists.contains(document.activeElement) ? document.activeElement.dataset.place : null;
    this.lists.replaceChildren(...sections.filter(([, items]) => items.length).map(([title, items]) =>
      h("section", { "aria-label": title }, h("h2", null, title), h("ul", null, items.map((item) => h("li", null, item))))));
    if (focused) this.lists.querySelector(`[data-place="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  #channel(channel, state) {
    const name = channelName(channel, state);
    const lead = channel.is_im ? avatar(state.users[channel.user] ?? { id: channel.user, real_name: name }, "small") : icon("hash");
    const you = channel.user === state.you && h("span", { class: "faint" }, " you");
    return entry({ lead, name: [name, channel.is_im && you], id: channel.id, news: channel, current: state.route.place === channel.id, state });
  }

  #app(app, channels, state) {
    const channel = channels.find((one) => one.is_im && one.user === app.bot_user);
    const current = [app.id, channel?.id].includes(state.route.place);
    const id = channel?.unread && !current ? channel.id : app.home === false && channel ? channel.id : app.id;
    const lead = avatar(state.users[app.bot_user] ?? app, "small");
    const away = !app.connected && h("span", { class: "away", title: "Not connected" }, "offline");
    return entry({ lead, name: [app.name, away], id, news: channel ?? {}, current, state });
  }

  #nextTheme() {
    const names = Object.keys(THEMES);
    const next = names[(names.indexOf(themeNow()) + 1) % names.length];
    if (next === "system") localStorage.removeItem(THEME_KEY);
    else localStorage.setItem(THEME_KEY, next);
    this.#showTheme();
  }

  #showTheme() {
    const [drawing, label] = THEMES[themeNow()];
    if (themeNow() === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = themeNow();
    this.theme.replaceChildren(icon(drawing));
    this.theme.title = label;
    this.theme.setAttribute("aria-label", `${label}. Change it`);
  }
}

const themeNow = () => {
  const name = localStorage.getItem(THEME_KEY);
  return name === "light" || name === "dark" ? name : "system";
};

function entry({ lead, name, id, news, current, state }) {
  const unread = Boolean(news.unread) && !current;
  const count = current ? 0 : (news.mentions ?? 0);
  const badge = count > 0 && h("span", { class: "count" }, String(count), h("span", { class: "hidden" }, count === 1 ? " mention" : " mentions"));
  const mark = unread && count === 0 && h("span", { class: "hidden" }, " unread");
  return h("a", {
    class: `place${unread ? " is-unread" : ""}`,
    href: placeHash({ user: state.you, place: id }),
    "aria-current": current ? "page" : null,
    data: { place: id },
  }, h("span", { class: "place-lead" }, lead), h("span", { class: "place-name" }, name), badge, mark);
}

customElements.define("ws-sidebar", Sidebar);
