// What the page asks of the simulator: `/_sim/` and nothing else.

// Which of several accounts the page is about; without it, the simulator's first.
const account = new URLSearchParams(location.search).get("app_id");

/** No answer, or one other than success; `message` is in words for a person. */
export class Failed extends Error {}

/** `body` is a value that travels as JSON, or a blob that travels as it is. */
async function ask(method, path, body) {
  const bare = body === undefined || body instanceof Blob;
  const request = {
    method,
    headers: bare ? {} : { "Content-Type": "application/json" },
    body: bare ? body : JSON.stringify(body),
  };
  const response = await fetch(path, request).catch(() => {
    throw new Failed("连不上模拟器，请确认它还在运行。");
  });
  const answer = await response.json();
  if (!response.ok) throw new Failed(`模拟器没有接受：${answer.message ?? response.status}`);
  return answer;
}

const query = (values) => new URLSearchParams({ ...(account && { app_id: account }), ...values }).toString();

export const config = () => ask("GET", `/_sim/config?${query()}`);
export const clock = () => ask("GET", `/_sim/clock?${query()}`);
export const users = (values = {}) => ask("GET", `/_sim/users?${query(values)}`);
export const addUser = (user) => ask("POST", `/_sim/users?${query()}`, user);
export const chat = (openid, limit) => ask("GET", `/_sim/chat?${query({ openid, limit })}`);
export const menu = (openid) => ask("GET", `/_sim/menu?${query({ openid })}`);
export const templates = (appId) => ask("GET", `/_sim/templates?${query({ app_id: appId })}`);
export const codes = () => ask("GET", `/_sim/qrcodes?${query()}`);
export const act = (openid, deed) => ask("POST", `/_sim/events?${query()}`, { openid, ...deed });
/** Keep a picture (a blob) that a person sends, and answer its {media_id}. */
export const upload = (picture) => ask("POST", `/_sim/media?${query()}`, picture);
/** Whether a page may be shown in a frame: {reason}, null where it may. */
export const look = (url) => {
  // Safari and Chromium say who is around this page; the frame has to be allowed in there, too.
  const ancestors = [location.origin, ...(location.ancestorOrigins ?? [])].join(" ");
  return ask("GET", `/_page/look?${query({ url, ancestors })}`);
};
/** The address of a picture, sound or film. */
export const medium = (id) => `/_sim/media/${encodeURIComponent(id)}`;

/**
 * Listen to the simulator. `handlers` maps an event's name to a function of its data; `onState` is told
 * "open" or "lost". The browser connects again by itself, and "open" then means: read everything again.
 */
export function listen(handlers, onState) {
  const source = new EventSource(`/_sim/stream?${query()}`);
  source.addEventListener("open", () => onState("open"));
  source.addEventListener("error", () => onState("lost"));
  for (const [name, handle] of Object.entries(handlers)) {
    source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
  }
}
