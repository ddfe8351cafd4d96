// What the page asks of the service, and of the simulator that stands for WeChat.

const AWAY = "连不上服务，请确认演示还在运行，稍后再试。填写的内容已保留。";
const WAIT_AT_A_TIME = 20;

/** An answer other than success, in words for a person; `errors` are {field, message}. */
export class Problem extends Error {
  constructor({ title, errors = [], code = "", status = 0 }) {
    super(title);
    this.errors = errors;
    this.code = code;
    this.status = status;
  }
}

async function ask(url, options = {}) {
  let response;
  let answer;
  try {
    response = await fetch(url, options);
    answer = await response.json();
  } catch {
    throw new Problem({ title: AWAY });
  }
  if (!response.ok) throw new Problem({ title: AWAY, status: response.status, ...answer });
  return answer;
}

export const scene = () => ask("/demo/people.json");

/** One person of the demo with a phone: signs in as the mini program does, and calls the service. */
export class Person {
  /** `about` is {key, openid, nickname, role}; `simulator` gives the log-in codes. */
  constructor(about, simulator) {
    Object.assign(this, about);
    this.simulator = simulator;
    this.session = null;
  }

  /** The session: {token, staff_name, …}; people sign in when they first do something. */
  async signIn() {
    this.session ??= this.#open();
    try {
      return await this.session;
    } catch (problem) {
      this.session = null;
      throw problem;
    }
  }

  async #open() {
    const code = await this.simulator.loginCode(this.openid);
    return ask("/api/session", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ code }),
    });
  }

  async call(method, path, { body, headers = {} } = {}) {
    for (let tries = 1; ; tries += 1) {
      const { token } = await this.signIn();
      try {
        return await ask(path, { method, headers: { ...headers, Authorization: `Bearer ${token}` }, body });
      } catch (problem) {
        // A session may have ended meanwhile, for example when Redis was emptied.
        if (problem.status !== 401 || tries > 1) throw problem;
        this.session = null;
      }
    }
  }

  get(path, query = {}) {
    const wanted = new URLSearchParams(query).toString();
    return this.call("GET", wanted ? `${path}?${wanted}` : path);
  }

  /** Upload a picture; its name is the hash of its bytes, so sending it again changes nothing. */
  async upload(blob) {
    const digest = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
    const sha256 = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    await this.call("PUT", `/api/photos/${sha256}`, { body: blob, headers: { "Content-Type": blob.type } });
    return sha256;
  }
}

/**
 * One write of one person. Sending the same content again keeps its key, so that a lost answer or a second
 * click makes nothing twice; other content is another command.
 */
export class Command {
  async send(person, path, body, base) {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const content = `${person.key} ${path} ${text}`;
    if (content !== this.content) {
      this.content = content;
      this.key = crypto.randomUUID();
    }
    const headers = { "Idempotency-Key": this.key };
    if (text !== undefined) headers["Content-Type"] = "application/json";
    if (base !== undefined) headers["If-Match"] = `"${base}"`;
    return person.call("POST", path, { body: text, headers });
  }
}

/** The simulator's control paths. */
export class Simulator {
  constructor(url) {
    this.url = url;
  }

  read(path, query = {}) {
    return ask(`${this.url}/_sim/${path}?${new URLSearchParams(query)}`);
  }

  async loginCode(openid) {
    return (await this.read("login-code", { openid })).code;
  }

  /** The place of the newest message of all phones. */
  async newest() {
    return (await this.read("inbox", { limit: 1 })).items.at(-1)?.seq ?? 0;
  }

  /** Wait for the first message after `seq` that `fits`; null when none came in `seconds`. */
  async arrival(seq, fits, seconds) {
    const end = performance.now() + seconds * 1000;
    for (let min = 1; ; ) {
      const left = Math.max(0, (end - performance.now()) / 1000);
      const query = { after: seq, min, wait_seconds: Math.min(left, WAIT_AT_A_TIME) };
      const { items } = await this.read("inbox", query);
      const found = items.find(fits);
      if (found || left === 0) return found ?? null;
      min = items.length + 1;
    }
  }

  /**
   * How many milliseconds after `clicked` (Date.now()) a message arrived. The simulator's clock may have
   * been moved, so its present difference to this browser's is taken off.
   */
  async millisecondsSince(clicked, message) {
    const before = Date.now();
    const { unix } = await this.read("clock");
    const ahead = unix * 1000 - (before + Date.now()) / 2;
    return Math.max(1, Math.round(message.received_at * 1000 - ahead - clicked));
  }
}
