/** The filled-in report in lines to read over before signing. */
import type { Schema } from "@/api/client";
import { readableMonth } from "@/core/clock";
import { maskedIdNo } from "@/core/idcard";
import { plainOf } from "@/core/options";
import { BANDS, REPORT_FIELDS, SAFETY } from "@/core/words";

import { type Detail, detailsOf, normalPhone, type Options, reasonOf, type ReportDraft, STEPS } from "./form";

export interface Part {
  step: number;
  title: string;
  lines: string[];
}

function named(options: readonly Schema<"OptionShape">[], codes: readonly string[]): string {
  return options
    .filter(({ code }) => codes.includes(code))
    .map(plainOf)
    .join("、");
}

/** What is shown of each step; a step without an answer says so. */
export function summaryOf(draft: ReportDraft, options: Options): Part[] {
  const asked = detailsOf(draft.risks);
  const line = (label: string, value: string) => (value ? `${label}：${value}` : "");
  const detail = (name: Detail, words: Record<string, string>) =>
    asked.has(name) ? line(REPORT_FIELDS[name] ?? "", words[draft[name]] ?? "") : "";
  const lines = [
    [named(options.risks, draft.risks), draft.risks.includes("other") ? draft.risks_remark : ""],
    [
      draft.event_date ? readableMonth(draft.event_date) : "",
      detail("own_paid_medical", BANDS),
      detail("own_paid_schooling", BANDS),
      detail("income_lost", BANDS),
      detail("housing", SAFETY),
      detail("water", SAFETY),
    ],
    [draft.place.map(({ name }) => name).join(" "), draft.position ? "已附上家的位置" : ""],
    [
      draft.photos.length ? `照片 ${draft.photos.length} 张` : "",
      draft.voice ? "录音一段" : "",
      draft.statement,
      line("希望得到的帮助", named(options.measures, draft.wanted_help)),
    ],
    [
      draft.applicant_name,
      draft.id_no ? maskedIdNo(draft.id_no) : "",
      line("电话", normalPhone(draft.phone)),
      line("和户主的关系", named(options.relations, [draft.relation])),
      draft.relation !== "self" && draft.head_id_no ? line("户主身份证号", maskedIdNo(draft.head_id_no)) : "",
      draft.members_affected ? `有困难的家人 ${draft.members_affected} 人` : "",
      draft.proxy ? line("代办原因", reasonOf(draft)) : "",
    ],
  ];
  return lines.map((given, step) => {
    const told = given.filter(Boolean);
    const { title = "", other = "" } = STEPS[step] ?? {};
    return { step, title: draft.proxy ? other : title, lines: told.length ? told : ["没有填"] };
  });
}
