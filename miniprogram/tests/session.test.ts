/** Going away, and coming back; what lies on the phone, and taking it away. */
import { beforeEach, expect, test, vi } from "vitest";
import { nextTick } from "vue";

const who = { person: "p", phone_masked: null, staff: null, staff_name: null, grants: [], notices: [] };

async function opened() {
  vi.resetModules();
  return {
    ...(await import("@/core/store")),
    ...(await import("@/core/session")),
    ...(await import("@/core/outbox")),
    ...(await import("@/core/drafts")),
    ...(await import("@/core/clearing")),
    ...(await import("@/core/submit")),
    ...(await import("@/core/answers")),
  };
}

const ADD = "/api/intakes/{id}/additions" as const;
const addition = (statement: string) => ({ title: "补充情况", about: "report:r", path: ADD, params: { id: "r" }, body: { statement, photos: [], voice: null } });

beforeEach(() => {
  phone.service = () => ({ status: 200, body: who });
});

test("who has gone is not signed in again, not even by the next start, before they ask for it", async () => {
  const asked: string[] = [];
  phone.service = ({ verb, path }) => {
    asked.push(`${verb} ${path}`);
    return { status: verb === "DELETE" ? 204 : 200, body: verb === "DELETE" ? undefined : who };
  };
  let app = await opened();
  app.accept({ ...who, token: "t", expires_in: 60 });
  await app.leave();
  expect(asked).toEqual(["DELETE /api/session"]);

  app = await opened();
  await expect(app.ask("get", "/api/session")).rejects.toMatchObject({ status: 401, title: expect.stringContaining("重新登录") });
  expect(asked).toHaveLength(1);
  expect(await app.signIn(true)).toBe(true);
  expect(app.session.refused).toBe("");
  expect(await app.ask("get", "/api/session")).toEqual(who);
});

test("clearing leaves the session and nothing that was written or read", async () => {
  const app = await opened();
  app.accept({ ...who, token: "t", expires_in: 60 });
  app.draftOf("report", () => ({ name: "" })).name = "测试";
  phone.service = () => null;
  expect((await app.submit(addition("甲"), true)).kind).toBe("waiting");
  app.keep("answers/held", {});
  expect(app.contents()).toEqual({ drafts: 1, unsent: 1, pages: 1, pictures: 0 });

  await app.clearPhone();
  expect(app.contents()).toEqual({ drafts: 0, unsent: 0, pages: 0, pictures: 0 });
  expect([...phone.storage.keys()]).toEqual(["fangpin/session"]);
});

const another = { ...who, person: "q" };
const signedIn = { token: "t", expires_in: 60 };

/** Whose page this is and what it shows: their drafts, what they read, what of theirs waits. */
async function shownBy(app: Awaited<ReturnType<typeof opened>>) {
  return { drafts: app.draftsOf(""), read: app.lastShown("reports"), unsent: app.contents().unsent };
}

test("what was written before the first sign-in is the first person's; the next one sees nothing of it until they are back", async () => {
  const restarted = vi.fn();
  vi.doMock("@platform/start", () => ({ restart: restarted }));
  vi.stubGlobal("getCurrentPages", () => [{ route: "pages/reports/reports" }]);
  let service: unknown = { ...another, ...signedIn };
  let app = await opened();
  app.draftOf("report", () => ({ name: "" })).name = "甲";
  await nextTick();
  expect(phone.storage.has("fangpin/draft/report")).toBe(true);
  app.accept({ ...who, ...signedIn });
  phone.service = () => null;
  await app.submit(addition("甲"), true);
  app.keep("answers/reports", { value: ["甲"], at: "" });
  const first = { drafts: ["report"], read: ["甲"], unsent: 1 };
  expect(await shownBy(app)).toEqual(first);
  app = await opened();
  expect(await shownBy(app)).toEqual(first);

  // Their session has ended, and somebody else takes the phone.
  phone.service = () => ({ status: 201, body: service });
  app.signOut();
  void app.signIn();
  await vi.waitFor(() => expect(restarted).toHaveBeenCalledWith("pages/reports/reports"));
  // Until the page begins anew it is the first person's.
  expect(app.session.who?.person).toBe("p");
  app = await opened();
  expect(app.session.who?.person).toBe("q");
  expect(await shownBy(app)).toEqual({ drafts: [], read: undefined, unsent: 0 });
  expect(app.outbox.commands).toMatchObject([{ person: "p", state: "waiting" }]);
  await app.clearPhone();

  service = { ...who, ...signedIn };
  app.signOut();
  void app.signIn();
  await vi.waitFor(() => expect(restarted).toHaveBeenCalledTimes(2));
  app = await opened();
  expect(await shownBy(app)).toEqual({ ...first, read: undefined });
  expect(app.draftOf("report", () => ({ name: "" })).name).toBe("甲");

  // Gone and back, with a page open that would begin a new one in its place.
  await app.leave();
  app = await opened();
  expect(app.draftOf("report", () => ({ name: "" })).name).toBe("");
  void app.signIn(true);
  await vi.waitFor(() => expect(restarted).toHaveBeenCalledTimes(3));
  app = await opened();
  expect(app.draftOf("report", () => ({ name: "" })).name).toBe("甲");
  vi.doUnmock("@platform/start");
  vi.unstubAllGlobals();
});

test("what was typed and refused can be put right; what was only pressed leaves nothing behind", async () => {
  const app = await opened();
  app.accept({ ...who, token: "t", expires_in: 60 });
  phone.service = () => ({ status: 409, body: { code: "wrong_state", title: "已办完" } });
  const pressed = { title: "撤回申报", about: "report:r", path: "/api/intakes/{id}/withdrawal" as const, params: { id: "r" }, body: undefined };
  expect(await app.submit(pressed, false)).toMatchObject({ kind: "refused", words: "已办完" });
  expect(app.refused.value).toEqual([]);

  expect((await app.submit(addition("甲"), true)).words).toBe("已办完");
  expect(app.refusedOf("report:r", ADD)?.body).toMatchObject({ statement: "甲" });
  expect(app.refusedOf("report:other", ADD)).toBeUndefined();

  phone.full = true;
  expect((await app.submit(addition("乙"), true)).kind).toBe("full");
});
