/** The workspace's client API: one function for each call. Failures are one kind of error with a sentence for people. */

/** A call that brought no answer, or an answer that is none. `code` is the server's word or "offline". */
export class CallFailed extends Error {
  constructor(code, message) {
    super(message);
    this.name = "CallFailed";
    this.code = code;
  }
}

const REFUSALS = {
  channel_not_found: "There is no such channel, or it is not open to this person.",
  message_not_found: "This message is gone.",
  operation_timeout: "The app did not answer within 3 seconds.",
  dispatch_failed: "The app could not be reached.",
};

const address = (path) => new URL(`client/${path}`, document.baseURI);

async function call(path, options) {
  const response = await reach(path, options);
  const answer = await readJson(response);
  if (response.ok) return answer;
  const code = answer?.error ?? `http_${response.status}`;
  throw new CallFailed(code, `The workspace answered ${response.status}: ${code}.`);
}

async function reach(path, options) {
  try {
    return await fetch(address(path), { cache: "no-store", ...options });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new CallFailed("offline", "The workspace cannot be reached. Is it running?");
  }
}

async function readJson(response) {
  try {
    return await response.json();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new CallFailed("not_json", `The workspace sent something that is not JSON (status ${response.status}).`);
  }
}

async function get(path, parameters) {
  const known = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined);
  return agreed(await call(`${path}?${new URLSearchParams(known)}`));
}

/** An answer that must be a yes: a no becomes an error. */
function agreed(answer) {
  if (answer.ok !== false) return answer;
  throw new CallFailed(answer.error, REFUSALS[answer.error] ?? `The workspace refused this: ${answer.error}.`);
}

const post = (path, body) =>
  call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

export const boot = (user) => get("boot", { user });
export const messages = (user, channel, before) => get("messages", { user, channel, before, limit: 50 });
export const thread = (user, channel, ts) => get("thread", { user, channel, ts });
export const home = (user, app) => get("home", { user, app });
export const sendMessage = (body) => post("message", body);
export const sendAction = (body) => post("action", body);
export const submitView = (body) => post("view_submit", body);
export const closeView = (body) => post("view_close", body);
export const runShortcut = (body) => post("shortcut", body);
export const loadOptions = async (body) => agreed(await post("options", body));
export const joinChannel = async (body) => agreed(await post("join", body));
export const markRead = (body) => post("read", body);
export const eventsAddress = (user) => `${address("events")}?${new URLSearchParams({ user })}`;
