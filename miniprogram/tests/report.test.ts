import { beforeEach, describe, expect, it, vi } from "vitest";
import { nextTick } from "vue";

import { emptyReport, LAST, questionOf, type ReportDraft, stepOf, wrongAt } from "@/pages/report/form";
import { bodyOf, filesOf } from "@/pages/report/sent";

const TODAY = "2026-11-22";
const ID_NO = "000000196001010014";
const VILLAGE = { id: "v", name: "枫木村", kind: "village" };
const photo = (name: string) => ({ sha256: name, use: "photo" as const, size: 9 });

/** A report with nothing wrong. */
function filled(given: Partial<ReportDraft> = {}): ReportDraft {
  return {
    ...emptyReport(false),
    risks: ["illness"],
    own_paid_medical: "over_20000",
    place: [VILLAGE],
    applicant_name: " 村民甲 ",
    phone: "138 0000-0000",
    id_no: ID_NO,
    agreed: "2026-01",
    signature: photo("s"),
    ...given,
  };
}

/** The questions that something is wrong with, by step. */
function wrong(given: Partial<ReportDraft>): string[][] {
  const draft = filled(given);
  return Array.from({ length: LAST + 1 }, (_, step) => Object.keys(wrongAt(step, draft, "2026-01", TODAY)));
}

describe("what is wrong at which step", () => {
  it("lets a complete report through", () => expect(wrong({}).flat()).toEqual([]));

  it.each<[Partial<ReportDraft>, number, string]>([
    [{ risks: [] }, 0, "risks"],
    [{ risks: ["other"] }, 0, "risks_remark"],
    [{ event_date: "2026-12" }, 1, "event_date"],
    [{ place: [{ id: "t", name: "白石乡", kind: "township" }] }, 2, "place"],
    [{ applicant_name: " " }, 4, "applicant_name"],
    [{ phone: "1380000000" }, 4, "phone"],
    [{ id_no: "000000196001010015" }, 4, "id_no"],
    [{ relation: "child", head_id_no: "1" }, 4, "head_id_no"],
    [{ members_affected: "2.5" }, 4, "members_affected"],
    [{ agreed: "2025-01" }, 5, "consent.agreed"],
    [{ signature: null }, 5, "consent.signature"],
    [{ id_no: "000000201501010014" }, 5, "consent.signed_name"],
    [{ proxy: true, reasons: ["other"] }, 4, "filed_for.reason"],
    [{ proxy: true, reasons: ["unread"], signature: null }, 5, "filed_for.evidence"],
  ])("%o", (given, step, question) => {
    const found = wrong(given);
    expect(found[step]).toEqual([question]);
    expect(found.flat()).toEqual([question]);
    expect(stepOf(question)).toBe(step);
  });

  it("knows where the service's field errors belong", () => {
    expect(questionOf("photos.0.kind")).toBe("photos");
    expect(stepOf("own_paid_medical.band")).toBe(1);
    expect(stepOf("consent.signed_name")).toBe(LAST);
    expect(stepOf("something_new")).toBe(LAST);
  });
});

describe("what is sent", () => {
  it("is normal and without what was asked about a hardship that was taken back", () => {
    const body = bodyOf(filled({ risks: ["schooling"], risks_remark: "旧", id_no: "００0000 19600101001４" }), TODAY);
    expect(body).toMatchObject({ applicant_name: "村民甲", phone: "13800000000", id_no: ID_NO, place: "v" });
    expect(body.own_paid_medical).toBeNull();
    expect(body.risks_remark).toBe("");
    expect(body.consent).toEqual({ version: "2026-01", agreed: true, signed_by: "applicant", signed_name: "村民甲", signature: "s" });
    expect(body.filed_for).toBeNull();
  });

  it("carries a cadre's reason and evidence, and a guardian's name", () => {
    const body = bodyOf(
      filled({ proxy: true, reasons: ["unread", "other"], reason_remark: "眼睛不好", id_no: "000000201501010014", guardian_name: "村民乙" }),
      TODAY,
    );
    expect(body.filed_for).toEqual({ reason: "不识字、眼睛不好", evidence: "s" });
    expect(body.consent).toMatchObject({ signed_by: "guardian", signed_name: "村民乙", signature: null });
  });

  it("names every file", () => {
    const draft = filled({ photos: [{ ...photo("a"), kind: "medical" }], voice: { sha256: "v", use: "recording", size: 3 } });
    expect(filesOf(draft)).toEqual([photo("a"), { sha256: "v", use: "recording", size: 3 }, photo("s")]);
    expect(bodyOf(draft).photos).toEqual([{ sha256: "a", kind: "medical" }]);
  });
});

describe("a draft", () => {
  /** The client as it is after the app was closed and opened: only what the phone kept is left. */
  async function opened() {
    vi.resetModules();
    return import("@/core/drafts");
  }
  let drafts: Awaited<ReturnType<typeof opened>>;
  beforeEach(async () => {
    drafts = await opened();
  });

  it("is there again after the app was ended, at its step and with its photos", async () => {
    const draft = drafts.draftOf("report", () => emptyReport(false));
    expect(drafts.hasDraft("report")).toBe(false);
    draft.step = 3;
    draft.photos.push({ ...photo("a"), kind: "medical" });
    await nextTick();
    const { hasDraft, draftOf } = await opened();
    expect(hasDraft("report")).toBe(true);
    expect(draftOf("report", () => emptyReport(true))).toEqual(draft);
  });

  it("goes on under another name, and is gone once dropped", async () => {
    const draft = drafts.draftOf("report", () => emptyReport(false));
    draft.statement = "一";
    await nextTick();
    expect(drafts.renameDraft("report", "report/1")).toBe(true);
    draft.statement = "二";
    await nextTick();
    drafts = await opened();
    expect(drafts.hasDraft("report")).toBe(false);
    expect(drafts.draftsOf("report/")).toEqual(["report/1"]);
    const again = drafts.draftOf("report/1", () => emptyReport(false));
    expect(again.statement).toBe("二");
    again.statement = "三";
    drafts.dropDraft("report/1");
    await nextTick();
    expect(drafts.hasDraft("report/1")).toBe(false);
  });

  it("stays where it is when the phone has no room to move it", async () => {
    const draft = drafts.draftOf("report", () => emptyReport(false));
    draft.statement = "一";
    await nextTick();
    phone.full = true;
    expect(drafts.renameDraft("report", "report/1")).toBe(false);
    expect(drafts.hasDraft("report")).toBe(true);
  });
});
