import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import type { Asked, Answered } from "./setup";

type Outbox = typeof import("@/core/outbox");

/** A service that does each command once, and whose answers can be lost on the way. */
class Service {
  version = 1;
  state = "open";
  person = "me";
  readonly effects: string[] = [];
  readonly kept = new Map<string, { status: number; body: unknown }>();
  signal = true;
  /** How many answers are still to be lost. */
  lost = 0;
  /** What it answers instead of doing a command. */
  instead: ((asked: Asked) => Answered | undefined) | null = null;

  answer = (asked: Asked): Answered => {
    if (!this.signal) return null;
    if (asked.path === "/api/session") return { status: 200, body: { token: "t", person: this.person, staff: null, staff_name: null, phone_masked: null, grants: [], expires_in: 1 } };
    const given = this.instead?.(asked);
    if (given !== undefined) return given;
    const key = asked.headers["Idempotency-Key"] ?? "";
    if (!this.kept.has(key)) this.kept.set(key, this.done(asked));
    if (this.lost > 0) {
      this.lost -= 1;
      return null;
    }
    return this.kept.get(key) ?? null;
  };

  private done({ path, headers }: Asked) {
    const base = headers["If-Match"];
    if (base !== undefined && base !== `"${this.version}"`) {
      const current = { state: this.state, version: this.version, text: "已由李示例接单" };
      return { status: 409, body: { code: "stale_version", title: "已被别人更新过", errors: [], current } };
    }
    this.effects.push(path);
    if (base !== undefined) this.version += 1;
    return { status: 200, body: { id: "1", state: "accepted", version: this.version } };
  }
}

/** The app is opened, perhaps again: everything but what the phone keeps is new. */
async function opened(): Promise<Outbox> {
  vi.resetModules();
  return import("@/core/outbox");
}

const accept = { title: "接单", about: "task:1", path: "/api/tasks/{id}/acceptance", params: { id: "1" }, body: undefined, base: 1 } as const;
const verify = { ...accept, title: "核实", path: "/api/tasks/{id}/verification", body: { met: "head" } as never } as const;
const elsewhere = { ...accept, about: "task:2", params: { id: "2" }, base: null } as const;

let service: Service;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  service = new Service();
  phone.service = service.answer;
});
afterEach(() => {
  vi.useRealTimers();
});

/** Queue a write and wait for what comes of it. */
async function sent({ enqueue, settled }: Outbox, write: Parameters<Outbox["enqueue"]>[0]) {
  const command = enqueue(write);
  if (!command) throw new Error("no room");
  return settled(command.id);
}

describe("without signal", () => {
  test("what was written is sent in order after the app was closed and opened", async () => {
    service.signal = false;
    const before = await opened();
    expect(await sent(before, accept)).toMatchObject({ state: "waiting", tries: 0 });
    await sent(before, verify);
    expect(before.outbox).toMatchObject({ cause: "signal" });

    service.signal = true;
    const { outbox, run } = await opened();
    await run();
    expect(service.effects).toEqual(["/api/tasks/1/acceptance", "/api/tasks/1/verification"]);
    expect(outbox.commands.map((c) => [c.state, c.base, c.body])).toEqual([
      ["sent", 1, null],
      ["sent", 2, null],
    ]);
  });

  test("it tries again by itself, after a pause", async () => {
    service.signal = false;
    const { enqueue, outbox, settled } = await opened();
    const command = enqueue(accept);
    await settled(command ? command.id : "");
    service.signal = true;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(outbox.commands[0]?.state).toBe("sent");
  });

  test("an answer that was lost is asked for again, and nothing happens twice", async () => {
    const box = await opened();
    service.lost = 2;
    await sent(box, accept);
    await sent(box, verify);
    await box.run();
    await box.run();
    expect(service.effects).toEqual(["/api/tasks/1/acceptance", "/api/tasks/1/verification"]);
    expect(box.outbox.commands.every((c) => c.state === "sent")).toBe(true);
  });

  test("killed right after the answer: the next one still goes on top of it", async () => {
    service.signal = false;
    const before = await opened();
    await sent(before, accept);
    await sent(before, verify);
    // The acceptance arrived, and the phone never got to write that down.
    service.signal = true;
    service.answer({ verb: "POST", path: "/api/tasks/1/acceptance", headers: { "Idempotency-Key": before.outbox.commands[0]!.id, "If-Match": '"1"' }, body: null });
    const after = await opened();
    await after.run();
    expect(service.effects).toHaveLength(2);
    expect(after.refused.value).toEqual([]);
  });
});

describe("refused", () => {
  test("a newer record is a clash, which its writer decides: again on top of it, in the old place", async () => {
    service.version = 4;
    const box = await opened();
    const first = await sent(box, accept);
    const second = await sent(box, verify);
    expect(first).toMatchObject({ state: "refused", clash: { version: 4, state: "open" } });
    expect(second).toMatchObject({ state: "waiting", tries: 0 });

    expect(box.sendAnyway(first!)).toBe(true);
    await box.run();
    expect(service.effects).toEqual(["/api/tasks/1/acceptance"]);
    // The second was written on what the first one saw, so that it is asked about too.
    expect(box.refused.value).toMatchObject([{ title: "核实", clash: { version: 5 } }]);
  });

  test("accepted on another phone meanwhile: the verification that waits behind goes on top of that", async () => {
    service.signal = false;
    const box = await opened();
    await sent(box, accept);
    await sent(box, verify);
    Object.assign(service, { signal: true, version: 2, state: "accepted" });
    await box.run();
    expect(service.effects).toEqual(["/api/tasks/1/verification"]);
    expect(box.outbox.commands.map((c) => [c.state, c.base])).toEqual([["sent", 1], ["sent", 2]]);
  });

  test("others go on, and what is given up takes its draft along", async () => {
    service.version = 4;
    const box = await opened();
    const { draftOf, hasDraft } = await import("@/core/drafts");
    const { nextTick } = await import("vue");
    draftOf("verify/1", () => ({ text: "" })).text = "x";
    await nextTick();
    const refused = await sent(box, { ...verify, draft: "verify/1" });
    const held = await sent(box, { ...accept, base: null });
    expect(held).toMatchObject({ state: "waiting", tries: 0 });
    expect(await sent(box, elsewhere)).toMatchObject({ state: "sent" });
    expect(hasDraft("verify/1")).toBe(true);
    box.giveUp(refused!);
    expect(hasDraft("verify/1")).toBe(false);
    expect(await box.settled(held!.id)).toMatchObject({ state: "sent" });
    expect((await opened()).outbox.commands.map((c) => c.about)).toEqual(["task:1", "task:2"]);
  });

  test("corrected, it takes the place of the refused one; sent, its draft is gone", async () => {
    service.instead = ({ body }) => {
      const ok = (body as { met: string }).met !== "wrong";
      return ok ? undefined : { status: 422, body: { code: "invalid_form", title: "有几处填写不对", errors: [{ field: "met", message: "请重选" }] } };
    };
    const box = await opened();
    const { draftOf, hasDraft } = await import("@/core/drafts");
    const { nextTick } = await import("vue");
    draftOf("verify/1", () => ({ met: "" })).met = "wrong";
    await nextTick();
    const write = { ...verify, id: "01920000-0000-7000-8000-000000000001", draft: "verify/1" };
    expect(await sent(box, { ...write, body: { met: "wrong" } as never })).toMatchObject({ state: "refused", errors: [{ field: "met" }] });
    expect(hasDraft("verify/1")).toBe(true);
    expect(await sent(box, write)).toMatchObject({ state: "sent" });
    expect(box.outbox.commands).toHaveLength(1);
    expect(hasDraft("verify/1")).toBe(false);
  });
});

describe("everything stops and is kept", () => {
  test.each([
    [426, { code: "client_too_old" }, "old", 10],
    [429, { code: "too_often", retry_after: 60 }, "busy", 60],
  ])("at %i", async (status, problem, cause, seconds) => {
    service.instead = () => ({ status, body: { title: "稍后", errors: [], ...problem } });
    const box = await opened();
    await sent(box, accept);
    expect(box.outbox).toMatchObject({ stopped: "稍后", cause });
    expect(box.waiting.value).toHaveLength(1);
    service.instead = null;
    await vi.advanceTimersByTimeAsync((seconds - 1) * 1000);
    expect(service.effects).toEqual([]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(service.effects).toHaveLength(1);
  });
});

test("two presses are one command", async () => {
  const box = await opened();
  const id = "01920000-0000-7000-8000-000000000002";
  box.enqueue({ ...accept, id });
  await sent(box, { ...accept, id });
  expect(service.effects).toHaveLength(1);
});

test("a full phone says so and keeps what it had", async () => {
  service.version = 4;
  const box = await opened();
  const refused = await sent(box, { ...verify, id: "01920000-0000-7000-8000-000000000003" });
  phone.full = true;
  expect(box.enqueue({ ...verify, id: refused!.id })).toBe(false);
  expect(box.sendAnyway(refused!)).toBe(false);
  expect(box.enqueue(elsewhere)).toBe(false);
  expect(box.outbox.commands).toMatchObject([{ id: refused!.id, state: "refused", body: { met: "head" } }]);
});

test("what somebody else wrote on this phone waits for them", async () => {
  service.signal = false;
  const before = await opened();
  await sent(before, accept);
  const name = [...phone.storage.keys()].find((key) => key.includes("outbox/"))!;
  phone.storage.set(name, JSON.stringify({ ...JSON.parse(phone.storage.get(name)!), person: "you" }));
  service.signal = true;
  const box = await opened();
  await box.run();
  expect(service.effects).toEqual([]);
  expect(box.outbox.commands).toMatchObject([{ state: "waiting", person: "you" }]);
  // Nor does anybody else read what it says.
  expect([...box.waiting.value, ...box.about("task:1")]).toEqual([]);
});

test("in WeChat whoever the service now knows as another person sends what they wrote before", async () => {
  vi.doMock("@platform/namespace", () => ({ NAMESPACE: "", SHARED: false }));
  try {
    const before = await opened();
    await sent(before, elsewhere);
    const { draftOf, hasDraft } = await import("@/core/drafts");
    const { nextTick } = await import("vue");
    draftOf("report", () => ({ text: "" })).text = "x";
    await nextTick();
    service.signal = false;
    await sent(before, accept);

    // The answer that told so may have got lost: the next sign-in tells it.
    Object.assign(service, { signal: true, person: "joined" });
    const { signOut } = await import("@/core/session");
    signOut();
    await before.run();
    expect(service.effects).toHaveLength(2);
    expect(before.outbox.commands.map((c) => [c.state, c.person])).toEqual([["sent", "joined"], ["sent", "joined"]]);
    expect(hasDraft("report")).toBe(true);
  } finally {
    vi.doUnmock("@platform/namespace");
  }
});
