/** Going away, and coming back; what lies on the phone, and taking it away. */
import { beforeEach, expect, test, vi } from "vitest";

const who = { person: "p", phone_masked: null, staff: null, staff_name: null, grants: [] };

async function opened() {
  vi.resetModules();
  return {
    ...(await import("@/core/session")),
    ...(await import("@/core/outbox")),
    ...(await import("@/core/drafts")),
    ...(await import("@/core/clearing")),
    ...(await import("@/core/submit")),
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
  phone.storage.set("fangpin/answers/held", "{}");
  expect(app.contents()).toEqual({ drafts: 1, unsent: 1, pages: 1, pictures: 0 });

  await app.clearPhone();
  expect(app.contents()).toEqual({ drafts: 0, unsent: 0, pages: 0, pictures: 0 });
  expect([...phone.storage.keys()]).toEqual(["fangpin/session"]);
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
