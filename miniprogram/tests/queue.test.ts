import { describe, expect, test } from "vitest";

import { after, type Command, inOrder, isOver, nextOrder, nextToSend, type Outcome, outcomeOf, passedOn, pauseAfter, rebased, unlessDone, versionAfter } from "@/core/queue";

const NOW = "2026-11-22T01:00:00.000Z";
let made = 0;

function command(given: Partial<Command> = {}): Command {
  made += 1;
  return {
    id: `c${made}`,
    person: "me",
    title: "接单",
    about: "task:1",
    path: "/api/tasks/{id}/acceptance",
    params: { id: "1" },
    body: { text: "x" },
    base: 1,
    madeAt: "2026-11-22T09:00:00+08:00",
    order: made,
    draft: "",
    files: [],
    state: "waiting",
    tries: 0,
    reason: "",
    errors: [],
    clash: null,
    answer: null,
    endedAt: null,
    ...given,
  };
}

function problem(status: number, extra: Record<string, unknown> = {}) {
  return outcomeOf({ status, code: "code", title: "请稍后再试。", errors: [], extra });
}

describe("which one is next", () => {
  test("the oldest, whatever the phone's clock said when it was made", () => {
    const first = command({ madeAt: "2026-11-22T10:00:00+08:00" });
    const second = command({ madeAt: "2026-11-22T09:00:00+08:00", about: "task:2" });
    expect(nextToSend([second, first], "me")).toBe(first);
    expect(nextOrder([second, first])).toBe(second.order + 1);
  });

  test("a refused one holds back what follows about the same thing, and nothing else", () => {
    const refused = command({ state: "refused" });
    const follows = command();
    const other = command({ about: "task:2" });
    expect(nextToSend([refused, follows, other], "me")).toBe(other);
    expect(nextToSend([refused, follows], "me")).toBeNull();
  });

  test("one that has to wait holds back what follows it, for this round", () => {
    const waits = command();
    const follows = command();
    const other = command({ about: "task:2" });
    expect(nextToSend([waits, follows, other], "me", new Set([waits.id]))).toBe(other);
  });

  test("nobody sends what somebody else wrote", () => {
    expect(nextToSend([command({ person: "you" })], "me")).toBeNull();
  });
});

describe("what an answer means", () => {
  test.each([
    [426, "old"],
    [401, "session"],
    [429, "busy"],
    [503, "busy"],
    [500, ""],
  ])("%i keeps the command", (status, stop) => {
    expect(problem(status)).toMatchObject({ kind: "wait", stop });
  });

  test("the service says how long to wait", () => {
    expect(problem(429, { retry_after: 17 })).toMatchObject({ after: 17 });
    expect(problem(429)).toMatchObject({ after: undefined });
  });

  test("a newer record is a clash, and another step that does not fit is none", () => {
    const current = { state: "done", version: 3, text: "已提交核实结果" };
    expect(problem(409, { current })).toMatchObject({ kind: "refused", clash: current });
    expect(problem(409)).toMatchObject({ kind: "refused", clash: null });
    expect(problem(422, { current })).toMatchObject({ kind: "refused", clash: null });
  });

  test("what was sent keeps no content, what was refused keeps all of it", () => {
    expect(after(command(), { kind: "sent", answer: { version: 2 } }, NOW)).toMatchObject({ state: "sent", body: null, endedAt: NOW });
    const refused = after(command(), { kind: "refused", reason: "不对", errors: [{ field: "text", message: "太长" }], clash: null }, NOW);
    expect(refused).toMatchObject({ state: "refused", body: { text: "x" }, errors: [{ field: "text" }] });
  });

  test("pauses grow to five minutes", () => {
    expect([0, 1, 3, 20].map(pauseAfter)).toEqual([5, 10, 40, 300]);
  });
});

describe("versions", () => {
  test("what was written on the same version goes on top of what was just sent", () => {
    const accepted = command({ state: "sent", answer: { version: 2 } });
    const verified = command();
    const elsewhere = command({ about: "task:2" });
    const later = command({ base: 5 });
    expect(passedOn([accepted, verified, elsewhere, later], accepted)).toEqual([{ ...verified, base: 2 }]);
    expect(passedOn([accepted, verified], { ...accepted, answer: { id: "1" } })).toEqual([]);
    expect(passedOn([accepted, verified], { ...accepted, base: null })).toEqual([]);
  });

  test("a form that is opened after the sending begins on the version that was made", () => {
    const accepted = command({ base: 1, state: "sent", answer: { version: 2 } });
    const met = command({ base: 2, state: "sent", answer: { version: 3 } });
    expect(versionAfter([met, accepted], "task:1", 1)).toBe(3);
    expect(versionAfter([met, accepted], "task:2", 1)).toBe(1);
    // The service has moved on by somebody else's hand: their version is what was shown.
    expect(versionAfter([met, accepted], "task:1", 7)).toBe(7);
  });

  test("taken on another phone already, a task needs no second acceptance; what follows goes on top if that was all", () => {
    const refusal = (state: string, version: number): Outcome => ({ kind: "refused", reason: "", errors: [], clash: { state, version, text: "" } });
    const accept = command({ base: 1 });
    expect(unlessDone(accept, refusal("accepted", 2))).toEqual({ kind: "sent", answer: { state: "accepted", version: 2 } });
    expect(unlessDone(accept, refusal("accepted", 4))).toEqual({ kind: "sent", answer: { state: "accepted" } });
    for (const [tried, state] of [[accept, "done"], [accept, "open"], [command({ path: "/api/tasks/{id}/verification" }), "accepted"]] as const) {
      expect(unlessDone(tried, refusal(state, 2))).toMatchObject({ kind: "refused" });
    }
    expect(unlessDone(accept, { ...refusal("accepted", 2), clash: null } as Outcome)).toMatchObject({ kind: "refused" });
  });

  test("decided anew, a command keeps its place and its content", () => {
    const clash = { state: "accepted", version: 4, text: "" };
    const refused = command({ state: "refused", clash, reason: "x", tries: 3 });
    const again = rebased(refused, "new", "2026-11-22T12:00:00+08:00");
    expect(again).toMatchObject({ id: "new", base: 4, state: "waiting", tries: 0, clash: null, order: refused.order, body: refused.body });
  });
});

test("what was sent is forgotten after a week, what was refused never", () => {
  const sent = command({ state: "sent", endedAt: NOW });
  const day = 24 * 3600 * 1000;
  expect(isOver(sent, Date.parse(NOW) + 6 * day)).toBe(false);
  expect(isOver(sent, Date.parse(NOW) + 8 * day)).toBe(true);
  expect(isOver({ ...sent, state: "refused" }, Date.parse(NOW) + 80 * day)).toBe(false);
});

/** Numbers that look random and are the same at every run. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test.each(Array.from({ length: 60 }, (_, seed) => seed))("any course of tries keeps the order and loses nothing (%i)", (seed) => {
  const any = seeded(seed);
  let queue: Command[] = [];
  const sent: Command[] = [];
  const versions: Record<string, number> = { "task:1": 1, "task:2": 1, "task:3": 1 };
  const outcomes: ((c: Command) => Outcome)[] = [
    (c) => ({ kind: "sent", answer: { version: (c.base ?? 0) + 1 } }),
    () => ({ kind: "wait", reason: "", stop: "signal" }),
    () => ({ kind: "wait", reason: "", stop: "" }),
    (c) => ({ kind: "refused", reason: "", errors: [], clash: { state: "", version: versions[c.about] ?? 0, text: "" } }),
  ];
  const size = 1 + any(8);
  for (let n = 0; n < size; n += 1) {
    queue.push(command({ about: `task:${1 + any(3)}`, base: 1, order: nextOrder(queue), madeAt: `2026-11-22T0${any(9)}:00:00+08:00` }));
  }
  const written = inOrder(queue).map((c) => [c.about, c.order]);

  for (let round = 0; round < 200 && queue.some((c) => c.state !== "sent"); round += 1) {
    const passed = new Set<string>();
    for (let next = nextToSend(queue, "me", passed); next; next = nextToSend(queue, "me", passed)) {
      const tried = next;
      // The service takes what is written on top of what it has, and refuses the rest.
      const fits = tried.base === versions[tried.about];
      const outcome = (fits ? outcomes[any(3)] : outcomes[3])!(tried);
      const done = after(tried, outcome, NOW);
      queue = queue.map((c) => (c.id === done.id ? done : c));
      if (done.state === "sent") {
        sent.push(done);
        versions[done.about] = Number(done.answer?.version);
        const follow = passedOn(queue, done);
        queue = queue.map((c) => follow.find((f) => f.id === c.id) ?? c);
      }
      if (outcome.kind === "wait") passed.add(done.id);
      if (outcome.kind === "wait" && outcome.stop) break;
    }
    // Its writer decides about one that was refused: nobody else wrote here, so none should have been.
    expect(queue.filter((c) => c.state === "refused")).toEqual([]);
  }
  // All have arrived, once each, and those about one thing in the order in which they were written.
  for (const thing of Object.keys(versions)) {
    const mine = written.filter(([about]) => about === thing).map(([, order]) => order);
    expect(sent.filter((c) => c.about === thing).map((c) => c.order)).toEqual(mine);
  }
});
