/** The phone under the tests: its storage, and a connection that a test answers. */
import { beforeEach } from "vitest";

/** What the client asked, as the service would read it. */
export interface Asked {
  verb: string;
  path: string;
  headers: Record<string, string>;
  body: unknown;
}
/** What the service answers; `null`: nothing comes back. */
export type Answered = { status: number; body?: unknown } | null;

interface Phone {
  storage: Map<string, string>;
  /** No room for anything more. */
  full: boolean;
  service: (asked: Asked) => Answered | Promise<Answered>;
}

declare global {
  // eslint-disable-next-line no-var
  var phone: Phone;
}

/** Stays the same object when a test loads the client anew, as a phone does when the app is closed and opened. */
globalThis.phone ??= { storage: new Map(), full: false, service: () => null };

beforeEach(() => {
  phone.storage.clear();
  phone.full = false;
  phone.service = () => null;
});

interface Request {
  url: string;
  method: string;
  header: Record<string, string>;
  data?: string | ArrayBuffer;
  success: (answer: { statusCode: number; data: unknown }) => void;
  fail: () => void;
}

async function request({ url, method, header, data, success, fail }: Request): Promise<void> {
  const body: unknown = typeof data === "string" ? JSON.parse(data) : data;
  const answer = await phone.service({ verb: method, path: url, headers: header, body });
  if (answer) success({ statusCode: answer.status, data: answer.body instanceof ArrayBuffer ? answer.body : JSON.stringify(answer.body) });
  else fail();
}

(globalThis as Record<string, unknown>).uni = {
  setStorageSync(name: string, text: string) {
    if (phone.full) throw new Error("no room");
    phone.storage.set(name, text);
  },
  getStorageSync: (name: string) => phone.storage.get(name) ?? "",
  removeStorageSync: (name: string) => phone.storage.delete(name),
  getStorageInfoSync: () => ({ keys: [...phone.storage.keys()] }),
  request,
};
