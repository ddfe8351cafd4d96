import { describe, expect, test } from "vitest";

import type { Command } from "@/core/queue";
import { bodyOf, emptyVerification, filesOf, questionOf, type VerificationDraft, wrongIn } from "@/core/verification";
import { linesOfCommand } from "@/core/written";

const PHOTO = { sha256: "a".repeat(64), use: "photo" as const, size: 3, kind: "housing" };
const SIGNED = { sha256: "b".repeat(64), use: "photo" as const, size: 2 };

function filled(given: Partial<VerificationDraft> = {}): VerificationDraft {
  return {
    ...emptyVerification(2, ["illness", "housing"], false),
    met: "applicant",
    finding: "partly",
    risks: { illness: { found: "yes", remark: "慢性病" }, housing: { found: "no", remark: "" } },
    income_right: "roughly",
    schooling: "safe",
    medical: "unsure",
    housing: "safe",
    water: "safe",
    photos: [PHOTO],
    position: { latitude: 25.8, longitude: 113, accuracy: 12 },
    text: " 老人常年吃药 ",
    signature: SIGNED,
    ...given,
  };
}

describe("what is wrong", () => {
  test("nothing, when all is answered", () => {
    expect(wrongIn(filled())).toEqual({});
  });

  test("an empty form asks in the form's order", () => {
    const asked = Object.keys(wrongIn(emptyVerification(1, ["illness"], false)));
    expect(asked).toEqual(["met", "finding", "risks.illness", "income_right", "schooling", "medical", "housing", "water", "photos", "position", "signature"]);
  });

  test("who met nobody is asked for a photo and the place only", () => {
    expect(Object.keys(wrongIn({ ...emptyVerification(1, ["illness"], false), met: "nobody" }))).toEqual(["photos", "position"]);
  });

  test("a reason that is ticked will do; 其他 has to be written", () => {
    expect(wrongIn(filled({ position: null, position_missing: "off", signature: null, signature_missing: "unread" }))).toEqual({});
    const other = filled({ position: null, position_missing: "other", signature: null, signature_missing: "other", signature_remark: " " });
    expect(Object.keys(wrongIn(other))).toEqual(["position", "signature"]);
  });

  test("a household is told why, and a finding fits what was found", () => {
    expect(wrongIn(filled({ finding: "not_true" }))).toHaveProperty("reason");
    const none = { illness: { found: "no", remark: "" }, housing: { found: "no", remark: "" } };
    expect(wrongIn(filled({ finding: "true", risks: none }))).toHaveProperty("finding");
    expect(wrongIn(filled({ finding: "true", risks: none, more: ["water"] }))).toEqual({});
  });
});

describe("what is sent", () => {
  test("codes as the service has them", () => {
    expect(bodyOf(filled({ more: ["water"] }))).toMatchObject({
      met: "applicant",
      finding: "partly",
      risks: [
        { risk: "illness", found: "yes", remark: "慢性病" },
        { risk: "housing", found: "no", remark: "" },
        { risk: "water", found: "yes", remark: "" },
      ],
      photos: [{ sha256: PHOTO.sha256, kind: "housing" }],
      position_missing: "",
      text: "老人常年吃药",
      signature: SIGNED.sha256,
    });
    expect(filesOf(filled()).map((file) => file.sha256)).toEqual([PHOTO.sha256, SIGNED.sha256]);
  });

  test("nothing that was answered before it turned out that nobody was there", () => {
    const unmet = filled({ finding: "could_not_meet", reason: "x" });
    expect(bodyOf(unmet)).toMatchObject({ finding: "could_not_meet", risks: [], income_right: null, water: null, reason: "", signature: null, signature_missing: "" });
    expect(filesOf(unmet).map((file) => file.sha256)).toEqual([PHOTO.sha256]);
    expect(bodyOf(filled({ met: "nobody" })).finding).toBe("could_not_meet");
  });

  test("a ticked reason travels in words", () => {
    const body = bodyOf(filled({ position: null, position_missing: "other", position_remark: " 山沟里 ", signature: null, signature_missing: "unread" }));
    expect(body).toMatchObject({ position: null, position_missing: "山沟里", signature_missing: "不会写字" });
  });

  test("a field of the service's leads to its question", () => {
    expect(["photos.0.kind", "position_missing", "signature", "risks.1.found", "met"].map(questionOf)).toEqual(["photos", "position", "signature", "risks", "met"]);
  });

  test("the queue reads it back in words", () => {
    const command = { path: "/api/tasks/{id}/verification", body: bodyOf(filled()) } as unknown as Command;
    const words = Object.fromEntries(linesOfCommand(command, undefined).map(({ label, value }) => [label, value]));
    expect(words).toMatchObject({ 见到了: "申报人本人", 核实结果: "部分属实", 看病: "说不准", 照片: "1 张", 位置: "已记下", 签名: "已签" });
  });
});
