/** Talking to the service: typed by its own API document, and every failure in words for a person. */
import type { components, paths } from "./schema";
import { Trouble } from "@/core/trouble";
import { SERVICE } from "@platform/service";

export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];
export type Path = keyof paths;
export type Verb = "get" | "post" | "put" | "delete" | "head";

type Operation<P extends Path, V extends Verb> = V extends keyof paths[P] ? paths[P][V] : never;
type JsonOf<Content> = Content extends { content: { "application/json": infer Body } } ? Body : never;
type Responses<O> = O extends { responses: infer R } ? R : never;
/** What a call answers when it succeeds. */
export type Answer<P extends Path, V extends Verb> = JsonOf<
  Responses<Operation<P, V>>[keyof Responses<Operation<P, V>> & (200 | 201 | 202)]
>;
/** What a call takes as its body. */
export type Body<P extends Path, V extends Verb> =
  Operation<P, V> extends { requestBody: infer R } ? JsonOf<R> : undefined;

export interface FieldError {
  field: string;
  message: string;
}

/** An answer other than success; `title` is a sentence for a person that says what to do. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly errors: FieldError[] = [],
    readonly extra: Record<string, unknown> = {},
  ) {
    super(code);
  }
}

/** No answer came: no signal, or the service is away. Whether the call had an effect is not known. */
export class NoSignal extends Error {
  readonly title = "现在没有信号或连不上服务。";
}

/** The words for a person of whatever was thrown. */
export function wordsOf(error: unknown): string {
  if (error instanceof Problem || error instanceof NoSignal || error instanceof Trouble) return error.title;
  return "手机上出了点问题，请关闭后重新打开。已填写的内容不会丢失。";
}

export interface Options {
  /** Values for the `{name}` parts of the path. */
  params?: Record<string, string>;
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  /** Raw bytes instead of a JSON body. */
  bytes?: ArrayBuffer;
  headers?: Record<string, string>;
  token?: string;
  timeout?: number;
  /** "arraybuffer" for pictures and sound. */
  responseType?: "text" | "arraybuffer";
}

/** The client's name and version, by which the service knows one that is too old. */
export const CLIENT = `phone/${__VERSION__}`;
const TIMEOUT_MS = 20_000;

export function addressOf(path: string, params: Options["params"] = {}, query: Options["query"] = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
  return `${SERVICE}${filled}${pairs.length ? `?${pairs.join("&")}` : ""}`;
}

/** One call without a session of its own; raises `Problem` or `NoSignal`. */
export function call<P extends Path, V extends Verb>(verb: V, path: P, options: Options = {}): Promise<Answer<P, V>> {
  const headers: Record<string, string> = { "Fangpin-Client": CLIENT, ...options.headers };
  if (options.token) headers.Authorization = `Bearer ${options.token}`;
  let data: string | ArrayBuffer | undefined = options.bytes;
  if (options.body !== undefined) {
    data = JSON.stringify(options.body);
    headers["Content-Type"] = "application/json";
  } else if (options.bytes) {
    headers["Content-Type"] = "application/octet-stream";
  } else if (verb === "post") {
    headers["Content-Type"] = "application/json";
  }
  return new Promise((resolve, reject) => {
    uni.request({
      url: addressOf(path, options.params, options.query),
      method: verb.toUpperCase() as UniApp.RequestOptions["method"],
      header: headers,
      data,
      // The answer is parsed here: the platforms differ in what they do with a problem's media type.
      dataType: "text",
      responseType: options.responseType ?? "text",
      timeout: options.timeout ?? TIMEOUT_MS,
      success: ({ statusCode, data: answer }) => {
        if (statusCode >= 200 && statusCode < 300) {
          resolve((options.responseType === "arraybuffer" ? answer : parsed(answer)) as Answer<P, V>);
        } else if (statusCode === 0 || statusCode === 502 || statusCode === 504) {
          // The proxy in front of the service answers so while the service starts again.
          reject(new NoSignal());
        } else {
          reject(problemOf(statusCode, answer));
        }
      },
      fail: () => reject(new NoSignal()),
    });
  });
}

function parsed(answer: unknown): unknown {
  if (typeof answer !== "string" || answer === "") return undefined;
  return JSON.parse(answer);
}

function problemOf(status: number, answer: unknown): Problem {
  let body: Record<string, unknown> = {};
  try {
    body = (parsed(answer) as Record<string, unknown>) ?? {};
  } catch {
    // Not from the service; the sentence below stands for it.
  }
  const { code, title, errors, ...extra } = body;
  return new Problem(
    status,
    typeof code === "string" ? code : `http_${status}`,
    typeof title === "string" ? title : "服务暂时不能办理，请稍后再试。填写的内容不会丢失。",
    Array.isArray(errors) ? (errors as FieldError[]) : [],
    extra,
  );
}
