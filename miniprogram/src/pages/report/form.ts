/** The report form: what it asks at which step, and what is wrong with it. */
import type { Schema } from "@/api/client";
import { dayOf } from "@/core/clock";
import { ageOf, wrongIdNo } from "@/core/idcard";
import { newId } from "@/core/ids";
import type { FileRef } from "@/core/queue";

export type Place = { id: string; name: string; kind: string };
export type KindPhoto = FileRef & { kind: string };
export type Options = Schema<"FormShape">;
export type Wrong = Record<string, string>;

/** What is filled in so far; texts and codes are empty until they are given. */
export interface ReportDraft {
  /** The report's id and its command's, from the first touch on: two presses of 提交 are one report. */
  id: string;
  /** A cadre files for somebody (代办). */
  proxy: boolean;
  step: number;
  risks: string[];
  risks_remark: string;
  event_date: string;
  own_paid_medical: string;
  own_paid_schooling: string;
  income_lost: string;
  housing: string;
  water: string;
  /** From the county down to what was chosen last. */
  place: Place[];
  position: Schema<"Position"> | null;
  photos: KindPhoto[];
  statement: string;
  voice: FileRef | null;
  wanted_help: string[];
  applicant_name: string;
  phone: string;
  relation: string;
  id_no: string;
  head_id_no: string;
  members_affected: string;
  reasons: string[];
  reason_remark: string;
  /** The version of the text that was agreed to. */
  agreed: string;
  guardian_name: string;
  /** Signed on the screen, or by a thumb on paper that was photographed. */
  signs: "hand" | "thumb";
  signature: FileRef | null;
}

/** What the last report on this phone leaves for the next one. */
export type Remembered = Partial<Pick<ReportDraft, "place" | "applicant_name" | "phone">>;

export function emptyReport(proxy: boolean, remembered: Remembered = {}): ReportDraft {
  return {
    id: newId(),
    proxy,
    step: 0,
    risks: [],
    risks_remark: "",
    event_date: "",
    own_paid_medical: "",
    own_paid_schooling: "",
    income_lost: "",
    housing: "",
    water: "",
    place: [],
    position: null,
    photos: [],
    statement: "",
    voice: null,
    wanted_help: [],
    applicant_name: "",
    phone: "",
    relation: "self",
    id_no: "",
    head_id_no: "",
    members_affected: "",
    reasons: [],
    reason_remark: "",
    agreed: "",
    guardian_name: "",
    signs: "hand",
    signature: null,
    ...remembered,
  };
}

/** What to keep of a report for the next one: the place, and for oneself the name and telephone. */
export function rememberedOf(draft: ReportDraft): Remembered {
  const { place, applicant_name, phone } = draft;
  return draft.proxy ? { place } : { place, applicant_name, phone };
}

interface Step {
  title: string;
  /** The same of somebody else. */
  other: string;
  /** The service's names of what it asks. */
  fields: string[];
}

export const STEPS: readonly Step[] = [
  { title: "怎么了", other: "他家怎么了", fields: ["risks", "risks_remark"] },
  {
    title: "什么时候、花了多少",
    other: "什么时候、花了多少",
    fields: ["event_date", "own_paid_medical", "own_paid_schooling", "income_lost", "housing", "water"],
  },
  { title: "家在哪里", other: "他家在哪里", fields: ["place", "position"] },
  { title: "照片和说明", other: "照片和说明", fields: ["photos", "statement", "voice", "wanted_help"] },
  {
    title: "您是谁",
    other: "他是谁",
    fields: ["applicant_name", "id_no", "phone", "relation", "head_id_no", "members_affected", "filed_for.reason"],
  },
  {
    title: "看一遍、签名",
    other: "看一遍、签名",
    fields: ["consent.version", "consent.agreed", "consent.signed_by", "consent.signed_name", "consent.signature", "filed_for.evidence"],
  },
];
export const LAST = STEPS.length - 1;

/** Which of the form's questions a field of the service's is about: `photos.0.kind` is about `photos`. */
export function questionOf(field: string): string {
  const known = STEPS.flatMap((step) => step.fields);
  return known.find((name) => field === name || field.startsWith(`${name}.`)) ?? field;
}

/** The step at which a field is asked; what belongs to none is shown at the end. */
export function stepOf(field: string): number {
  const at = STEPS.findIndex((step) => step.fields.includes(questionOf(field)));
  return at < 0 ? LAST : at;
}

export type Detail = "own_paid_medical" | "own_paid_schooling" | "income_lost" | "housing" | "water";

/** What else is asked about each hardship. */
const DETAILS: Record<string, readonly Detail[]> = {
  illness: ["own_paid_medical"],
  schooling: ["own_paid_schooling"],
  disability: ["own_paid_medical"],
  natural_disaster: ["income_lost"],
  accident: ["own_paid_medical", "income_lost"],
  industry_failure: ["income_lost"],
  unstable_work: ["income_lost"],
  lack_of_labour: ["income_lost"],
  housing: ["housing"],
  water: ["water"],
};

export function detailsOf(risks: readonly string[]): Set<Detail> {
  return new Set(risks.flatMap((risk) => DETAILS[risk] ?? []));
}

const GUARDIAN_UNDER = 14;

/** Whether a guardian has to sign: the person is not yet 14. */
export function needsGuardian(draft: ReportDraft, today: string = dayOf(Date.now())): boolean {
  const age = ageOf(draft.id_no, today);
  return age >= 0 && age < GUARDIAN_UNDER;
}

export const REASONS = [
  { code: "unused", label: "不会用手机" },
  { code: "no_phone", label: "没有手机" },
  { code: "unread", label: "不识字" },
  { code: "unwell", label: "行动不便" },
  { code: "other", label: "其他" },
];

export function reasonOf(draft: ReportDraft): string {
  const ticked = REASONS.filter(({ code }) => draft.reasons.includes(code));
  const words = ticked.map(({ code, label }) => (code === "other" ? draft.reason_remark.trim() : label));
  return words.join("、").slice(0, 100);
}

/** A typed telephone number as it is kept: no spaces or dashes, no +86, plain digits. */
export function normalPhone(text: string): string {
  return text.normalize("NFKC").replace(/[\s-]/g, "").replace(/^\+86/, "");
}

/** The last place of a path that a report can be about. */
export function placeOf(draft: ReportDraft): string {
  const last = draft.place[draft.place.length - 1];
  return last && (last.kind === "village" || last.kind === "group") ? last.id : "";
}

/** What is wrong with the draft at a step, in words by the question. */
export function wrongAt(step: number, draft: ReportDraft, consent: string, today: string = dayOf(Date.now())): Wrong {
  const wrong: Wrong = {};
  // In the order of the page; each question tells the first thing that is wrong with it.
  const check = (question: string, bad: boolean, words: string) => {
    if (bad && words && stepOf(question) === step) wrong[question] ??= words;
  };
  const other = draft.proxy;
  check("risks", draft.risks.length === 0, "请至少选一项");
  check("risks", draft.risks.length > 5, "最多选 5 项");
  check("risks_remark", draft.risks.includes("other") && !draft.risks_remark.trim(), "选了“其他”，请写一下是什么困难");
  check("event_date", draft.event_date > today.slice(0, 7), "发生时间不能晚于本月");
  check("place", !placeOf(draft), "请选到村或村民小组");
  check("filed_for.reason", other && !reasonOf(draft), "请选一下为什么代办");
  check("applicant_name", !draft.applicant_name.trim(), "请填写姓名");
  check("id_no", !draft.id_no.trim(), "请填写身份证号");
  check("id_no", true, wrongIdNo(draft.id_no, today));
  check("phone", !draft.phone.trim(), other ? "请填写联系电话；没有手机的，填家人或您自己的" : "请填写联系电话");
  check("phone", !/^1[3-9]\d{9}$/.test(normalPhone(draft.phone)), "手机号应为 11 位，请核对");
  check("relation", !draft.relation, "请选一项");
  check("head_id_no", draft.relation !== "self" && draft.head_id_no !== "", wrongIdNo(draft.head_id_no, today));
  const members = Number(draft.members_affected);
  check("members_affected", draft.members_affected !== "" && !(Number.isInteger(members) && members >= 1 && members <= 30), "请填 1 到 30 之间的人数");
  check("consent.agreed", !consent || draft.agreed !== consent, "请先看一遍承诺授权书，再点“同意”");
  check("consent.signed_name", needsGuardian(draft, today) && !draft.guardian_name.trim(), "未满 14 周岁，请填写监护人的姓名");
  check(signatureField(draft), !draft.signature, draft.signs === "hand" ? "请在框里签名" : "请拍一张按了手印的照片");
  return wrong;
}

export function signatureField(draft: ReportDraft): string {
  return draft.proxy ? "filed_for.evidence" : "consent.signature";
}
