// What the page asks of the simulator: `/_sim/` and nothing else.

/** An answer other than success; `message` is in words for a person. */
export class Refused extends Error {}

async function ask(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Refused(answer.message ?? String(response.status));
  return answer;
}

const query = (values) => new URLSearchParams(values).toString();

export const config = () => ask("GET", "/_sim/config");
export const clock = () => ask("GET", "/_sim/clock");
export const users = (values = {}) => ask("GET", `/_sim/users?${query(values)}`);
export const addUser = (user) => ask("POST", "/_sim/users", user);
export const chat = (openid, limit) => ask("GET", `/_sim/chat?${query({ openid, limit })}`);
export const act = (openid, deed) => ask("POST", "/_sim/events", { openid, ...deed });

/**
 * Listen to the simulator. `handlers` maps an event's name to a function of its data; `onState` is told
 * "open" or "lost". The browser connects again by itself, and "open" then means: read everything again.
 */
export function listen(handlers, onState) {
  const source = new EventSource("/_sim/stream");
  source.addEventListener("open", () => onState("open"));
  source.addEventListener("error", () => onState("lost"));
  for (const [name, handle] of Object.entries(handlers)) {
    source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
  }
}
