/** The verification form: what a cadre found, what is wrong with it, and what is sent of it. */
import type { Body, Schema } from "@/api/client";
import { newId } from "@/core/ids";
import type { FileRef } from "@/core/queue";

export type KindPhoto = FileRef & { kind: string };
export type Wrong = Record<string, string>;
interface Option {
  code: string;
  label: string;
}

/** What is filled in so far; codes and texts are empty until they are given. */
export interface VerificationDraft {
  /** The command's id, from the first touch on: two presses of 提交 are one verification. */
  id: string;
  /** The version of the task that the form was begun on. */
  base: number;
  met: string;
  finding: string;
  risks: Record<string, { found: string; remark: string }>;
  /** Hardships that the report does not name. */
  more: string[];
  income_right: string;
  schooling: string;
  medical: string;
  housing: string;
  water: string;
  photos: KindPhoto[];
  position: Schema<"Position"> | null;
  position_missing: string;
  position_remark: string;
  text: string;
  reason: string;
  urgency: string;
  signature: FileRef | null;
  signature_missing: string;
  signature_remark: string;
}

export function emptyVerification(base: number, risks: readonly string[], urgent: boolean): VerificationDraft {
  return {
    id: newId(),
    base,
    met: "",
    finding: "",
    risks: Object.fromEntries(risks.map((risk) => [risk, { found: "", remark: "" }])),
    more: [],
    income_right: "",
    schooling: "",
    medical: "",
    housing: "",
    water: "",
    photos: [],
    position: null,
    position_missing: "",
    position_remark: "",
    text: "",
    reason: "",
    urgency: urgent ? "green_channel" : "normal",
    signature: null,
    signature_missing: "",
    signature_remark: "",
  };
}

export const MET: Option[] = [
  { code: "applicant", label: "申报人本人" },
  { code: "head", label: "户主" },
  { code: "family", label: "其他家里人" },
  { code: "neighbour", label: "邻居" },
  { code: "nobody", label: "谁也没见到" },
];
export const FINDING: (Option & { note: string })[] = [
  { code: "true", label: "情况属实", note: "说的都对" },
  { code: "partly", label: "部分属实", note: "有的对，有的不对" },
  { code: "not_true", label: "与申报不符", note: "要写明理由，会告诉申报人" },
  { code: "could_not_meet", label: "没见到家里人", note: "会再给您几天时间" },
];
export const FOUND: Option[] = [
  { code: "yes", label: "有" },
  { code: "partly", label: "部分" },
  { code: "no", label: "没有" },
];
export const INCOME: Option[] = [
  { code: "yes", label: "属实" },
  { code: "roughly", label: "差不多" },
  { code: "no", label: "出入大" },
  { code: "unknown", label: "说不准" },
];
export const SAFE: Option[] = [
  { code: "safe", label: "有保障" },
  { code: "unsure", label: "说不准" },
  { code: "unsafe", label: "没保障" },
];
type Need = "schooling" | "medical" | "housing" | "water";
export const NEEDS: { key: Need; label: string }[] = [
  { key: "schooling", label: "孩子上学" },
  { key: "medical", label: "看病" },
  { key: "housing", label: "住房" },
  { key: "water", label: "饮水" },
];
export const URGENCY: Option[] = [
  { code: "normal", label: "按平常办" },
  { code: "green_channel", label: "很急，先帮后补手续（绿色通道）" },
];
export const NO_POSITION: Option[] = [
  { code: "no_signal", label: "没有信号，定不了位" },
  { code: "off", label: "手机定位关着" },
  { code: "refused", label: "户主不同意" },
  { code: "other", label: "其他" },
];
export const NO_SIGNATURE: Option[] = [
  { code: "unwell", label: "身体不便，不能签" },
  { code: "unread", label: "不会写字" },
  { code: "refused", label: "不愿意签" },
  { code: "other", label: "其他" },
];

export function labelIn(options: readonly Option[], code: string): string {
  return options.find((option) => option.code === code)?.label ?? code;
}

/** A ticked reason in words; for 其他 what was written. */
function reasonOf(options: readonly Option[], code: string, remark: string): string {
  return code === "other" ? remark.trim() : code && labelIn(options, code);
}

/** Nobody of the household was met: only where one was and how it looked there is asked. */
export function isUnmet(draft: VerificationDraft): boolean {
  return draft.met === "nobody" || draft.finding === "could_not_meet";
}

/** What is wrong, in words by the question, in the form's order. */
export function wrongIn(draft: VerificationDraft): Wrong {
  const wrong: Wrong = {};
  const check = (question: string, bad: boolean, words: string) => {
    if (bad) wrong[question] ??= words;
  };
  const unmet = isUnmet(draft);
  check("met", !draft.met, "请选一下见到了谁");
  check("finding", !unmet && !draft.finding, "请选一下核实结果");
  if (!unmet) {
    const all = Object.values(draft.risks);
    const none = draft.more.length === 0 && all.every(({ found }) => found === "no");
    check("finding", draft.finding === "true" && none && all.length > 0, "下面每一项都选了“没有”，请核对是不是属实");
    check("reason", draft.finding === "not_true" && !draft.reason.trim(), "请写明理由，会原样告诉申报人");
    for (const [risk, { found }] of Object.entries(draft.risks)) check(`risks.${risk}`, !found, "请选一项");
    check("income_right", !draft.income_right, "请选一项");
    for (const { key } of NEEDS) check(key, !draft[key], "请选一项");
  }
  check("photos", draft.photos.length === 0, "请至少拍一张照片");
  const place = draft.position || reasonOf(NO_POSITION, draft.position_missing, draft.position_remark);
  check("position", !place, draft.position_missing === "other" ? "请写一下为什么没有定位" : "请点“记下现在的位置”，或选一下为什么没有");
  if (!unmet) {
    const signed = draft.signature || reasonOf(NO_SIGNATURE, draft.signature_missing, draft.signature_remark);
    check("signature", !signed, draft.signature_missing === "other" ? "请写一下为什么没有签名" : "请让家里人签名，或选一下为什么没签");
  }
  return wrong;
}

/** Which question a field of the service's is about. */
export function questionOf(field: string): string {
  if (field.startsWith("photos")) return "photos";
  if (field.startsWith("position")) return "position";
  if (field.startsWith("signature")) return "signature";
  return field.split(".")[0] ?? field;
}

type Sent = Body<"/api/tasks/{id}/verification", "post">;

/** The form as the service takes it. What was given before it turned out that nobody was met is left out. */
export function bodyOf(draft: VerificationDraft): Sent {
  const unmet = isUnmet(draft);
  const given = (text: string) => (unmet ? null : text || null);
  const risks = Object.entries(draft.risks).map(([risk, { found, remark }]) => ({ risk, found, remark: remark.trim() }));
  const more = draft.more.map((risk) => ({ risk, found: "yes", remark: "" }));
  const body = {
    met: draft.met,
    finding: unmet ? "could_not_meet" : draft.finding,
    risks: unmet ? [] : [...risks, ...more],
    income_right: given(draft.income_right),
    schooling: given(draft.schooling),
    medical: given(draft.medical),
    housing: given(draft.housing),
    water: given(draft.water),
    photos: draft.photos.map(({ sha256, kind }) => ({ sha256, kind })),
    position: draft.position,
    position_missing: draft.position ? "" : reasonOf(NO_POSITION, draft.position_missing, draft.position_remark),
    text: draft.text.trim(),
    reason: !unmet && draft.finding === "not_true" ? draft.reason.trim() : "",
    urgency: unmet ? "normal" : draft.urgency,
    signature: unmet ? null : (draft.signature?.sha256 ?? null),
    signature_missing: unmet || draft.signature ? "" : reasonOf(NO_SIGNATURE, draft.signature_missing, draft.signature_remark),
  };
  // The codes are those of the tables above.
  return body as Sent;
}

/** The files that have to be on the service before the verification is. */
export function filesOf(draft: VerificationDraft): FileRef[] {
  const all = isUnmet(draft) || !draft.signature ? draft.photos : [...draft.photos, draft.signature];
  return all.map(({ sha256, use, size }) => ({ sha256, use, size }));
}
