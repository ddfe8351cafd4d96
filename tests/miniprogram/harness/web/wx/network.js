/** Calls to the service. Only the registered domain is let through, as on a phone; it stands for `phone.service`. */
import { phone } from "../state.js";
import { api, event, Failed, tell } from "./api.js";
import { readFile, store } from "./files.js";

const LONGEST_MS = 60_000;

/** The real address of what the build calls `url`. */
function real(url) {
  if (!/^https?:\/\//.test(url)) throw new Failed("invalid url");
  const { origin, pathname, search } = new URL(url);
  if (origin !== phone.domain) throw new Failed(`url not in domain list: ${origin}`);
  return phone.service + pathname + search;
}

async function call(url, { method = "GET", header = {}, body, timeout = LONGEST_MS, signal }) {
  const address = real(url);
  try {
    const signals = [AbortSignal.timeout(timeout), ...(signal ? [signal] : [])];
    return await fetch(address, { method, headers: header, body, signal: AbortSignal.any(signals), credentials: "omit" });
  } catch (error) {
    if (error.name === "TimeoutError") throw new Failed("timeout", { errno: 5 });
    if (error.name === "AbortError") throw new Failed("abort");
    throw new Failed("net::ERR_INTERNET_DISCONNECTED", { errno: 600001 });
  }
}

const headersOf = (answer) => Object.fromEntries(answer.headers);

/** WeChat's own way with data: a query for GET, JSON or a form for the rest, bytes and text as they are. */
function shaped({ url, method = "GET", data, header = {} }) {
  if (data === undefined || typeof data === "string" || data instanceof ArrayBuffer) return { url, body: data };
  if (method === "GET") return { url: `${url}${url.includes("?") ? "&" : "?"}${new URLSearchParams(data)}` };
  const type = Object.entries(header).find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? "application/json";
  return { url, body: type.includes("json") ? JSON.stringify(data) : String(new URLSearchParams(data)) };
}

/** A function of `wx` that returns a task which can be given up. */
const task = (name, work) => (options = {}) => {
  const giving = new AbortController();
  const made = api(name, (all) => work(all, giving.signal))(options);
  const handle = made ?? {};
  return Object.assign(handle, {
    abort: () => giving.abort(),
    onProgressUpdate() {}, offProgressUpdate() {}, onHeadersReceived() {}, offHeadersReceived() {},
  });
};

const request = task("request", async (options, signal) => {
  const { url, body } = shaped(options);
  const { method, dataType = "json", responseType = "text", timeout } = options;
  const header = { ...(body !== undefined && { "Content-Type": "application/json" }), ...options.header };
  const answer = await call(url, { method, header, body, timeout, signal });
  let data = responseType === "arraybuffer" ? await answer.arrayBuffer() : await answer.text();
  if (responseType === "text" && dataType === "json") {
    try {
      data = JSON.parse(data);
    } catch {
      // WeChat gives what it cannot read as text.
    }
  }
  return { data, statusCode: answer.status, header: headersOf(answer), cookies: [] };
});

const uploadFile = task("uploadFile", async ({ url, filePath, name, formData = {}, header, timeout }, signal) => {
  const body = new FormData();
  Object.entries(formData).forEach(([key, value]) => body.append(key, value));
  body.append(name, new Blob([readFile(filePath)]), "file");
  const answer = await call(url, { method: "POST", header, body, timeout, signal });
  return { data: await answer.text(), statusCode: answer.status, header: headersOf(answer) };
});

const downloadFile = task("downloadFile", async ({ url, filePath, header, timeout }, signal) => {
  const answer = await call(url, { header, timeout, signal });
  const path = store(await answer.arrayBuffer(), { path: filePath, type: answer.headers.get("Content-Type") });
  return { tempFilePath: path, filePath, statusCode: answer.status, header: headersOf(answer) };
});

const state = () => ({ isConnected: navigator.onLine, networkType: navigator.onLine ? "wifi" : "none" });
for (const change of ["online", "offline"]) addEventListener(change, () => tell("NetworkStatusChange", state()));

export const network = {
  request, uploadFile, downloadFile,
  getNetworkType: api("getNetworkType", state),
  ...event("NetworkStatusChange"),
  ...event("NetworkWeakChange"),
};
