/** An app's Home: the view it drew for the person who looks. */

import { drawBlocks } from "./blocks.js";
import { appHead } from "./conversation.js";
import { h, iconButton, keepingFocus } from "./dom.js";
import { Form } from "./form.js";
import { namesIn } from "./people.js";
import { settle } from "./presses.js";
import { go } from "./routes.js";
import { emptiness, failure, skeleton } from "./states.js";

class Home extends HTMLElement {
  connect({ store, session }) {
    this.store = store;
    this.session = session;
    this.head = h("header", { class: "pane-head" });
    this.body = h("div", { class: "pane-body home-body", tabindex: "-1" });
    this.append(this.head, this.body);
    store.follow((state) => this.#update(state));
  }

  #update(state) {
    const app = state.status === "booting" ? null : state.apps.find((one) => one.id === state.route.place);
    this.hidden = !app;
    if (!app) return;
    const channel = Object.values(state.channels).find((one) => one.is_im && one.user === app.bot_user);
    const back = iconButton("back", "Back to the list", () => go({ user: state.you }), { class: "icon-button back" });
    if (this.headed !== app) this.head.replaceChildren(back, ...appHead(app, channel, state, "home"));
    this.headed = app;
    this.#draw(app, state.homes[app.id], state);
  }

  #draw(app, home, state) {
    const owner = `${state.you}/${app.id}`;
    if (!home || (home === this.drawn && owner === this.owner)) return;
    if (owner !== this.owner) this.form = new Form();
    this.owner = owner;
    this.drawn = home;
    settle(owner);
    const scroll = this.body.scrollTop;
    keepingFocus(this.body, () => this.body.replaceChildren(this.#content(app, home, state)));
    this.body.scrollTop = scroll;
  }

  #content(app, home, state) {
    if (home.status === "failed") return failure(home.fault, () => this.session.open(state.route));
    if (home.status === "loading") return skeleton(3);
    if (!home.view) return emptiness(`${app.name} shows nothing here yet`, "An app draws its Home when it is opened. If it is not running, start it: this page fills itself.");
    const container = { type: "view", view_id: home.view.id };
    const place = this.session.place({ container, form: this.form, names: namesIn(state), app, key: `${state.you}/${app.id}` });
    const content = h("div", { class: "home-content" });
    this.form.redraw(() => content.append(drawBlocks(home.view.blocks ?? [], place)));
    return content;
  }
}

customElements.define("ws-home", Home);
