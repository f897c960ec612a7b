/**
 * The address holds who acts and what is open: `#/U123/C456/169.00`. So a reload comes back to the
 * same place, and two tabs can be two people.
 */

/** `#/user/place/thread` -> parts; what is missing is null. A permalink names no user. */
export function parseHash(hash) {
  const parts = hash.replace(/^#\/?/, "").split("/").map(readable);
  const [user, place, thread] = /^[CDA]/.test(parts[0]) ? [null, ...parts] : parts;
  return { user: user || null, place: place || null, thread: thread || null };
}

function readable(part) {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    if (error instanceof URIError) return part;
    throw error;
  }
}

/** Parts -> `#/user/place/thread`. */
export function placeHash({ user, place, thread }) {
  return `#/${[user, place, thread].filter(Boolean).map(encodeURIComponent).join("/")}`;
}

/** Go somewhere; `replace` leaves no step to come back to. */
export function go(route, { replace = false } = {}) {
  const hash = placeHash(route);
  if (hash === location.hash) return;
  if (!replace) location.hash = hash;
  else {
    history.replaceState(null, "", hash);
    dispatchEvent(new HashChangeEvent("hashchange"));
  }
}

/** Where the person was last, else the first channel with news, else the first one. */
export function landing(state, remembered) {
  if (remembered && isPlace(state, remembered)) return remembered;
  const channels = Object.values(state.channels).filter((channel) => !channel.is_im);
  const general = channels.find((channel) => channel.name === "general");
  return (general ?? channels[0] ?? Object.values(state.channels)[0])?.id ?? state.apps[0]?.id ?? null;
}

/** Whether a channel or an app of this id is there for the acting person. */
export const isPlace = (state, id) => Boolean(state.channels[id]) || state.apps.some((app) => app.id === id);
