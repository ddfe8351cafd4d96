/** What a command in the queue says, as lines to read, and where it can be corrected. */
import type { Schema } from "@/api/client";
import type { PageName } from "@/core/pages";
import type { Command } from "@/core/queue";
import { labelOf } from "@/core/options";
import { type Line, linesOf } from "@/core/told";
import { FINDINGS, wordOf } from "@/core/words";
import { FOUND, INCOME, labelIn, MET, NEEDS, SAFE, URGENCY } from "@/core/verification";

type Options = Schema<"FormShape"> | undefined;
type Verification = Schema<"VerificationForm">;

interface Page {
  name: PageName;
  query: Record<string, string>;
}

/** A kind of write: how its content reads, and the page on which it is corrected. */
interface Kind {
  lines?: (body: never, options: Options) => Line[];
  page?: (command: Command) => Page;
}

const KINDS: Record<string, Kind> = {
  "/api/intakes": {
    lines: (body: Schema<"ReportForm">, options) => linesOf(body as unknown as Record<string, unknown>, options),
    page: ({ draft }) => ({ name: "report", query: { fix: draft.slice("report/".length) } }),
  },
  "/api/intakes/{id}/additions": {
    lines: ({ statement, photos }: Schema<"AdditionForm">) => [
      ...line("statement", "补充", statement),
      ...line("photos", "照片", photos?.length && `${photos.length} 张`),
    ],
    page: ({ params }) => ({ name: "add", query: { id: params.id ?? "" } }),
  },
  "/api/tasks/{id}/verification": {
    lines: verified,
    page: ({ params }) => ({ name: "verify", query: { id: params.id ?? "" } }),
  },
  "/api/tasks/{id}/assignment": { lines: ({ staff_no }: { staff_no: string }) => line("staff_no", "交给", staff_no) },
  "/api/corrections": {
    lines: ({ text, value }: Schema<"CorrectionForm">) => line("text", "应该是", value || text),
    page: () => ({ name: "held", query: {} }),
  },
  "/api/corrections/{id}/answer": {
    lines: ({ text }: Schema<"CorrectionAnswerForm">) => line("text", "说明", text),
    page: () => ({ name: "tasks", query: {} }),
  },
};

export function linesOfCommand(command: Command, options: Options): Line[] {
  const lines = KINDS[command.path]?.lines;
  return lines && command.body ? lines(command.body as never, options) : [];
}

/** Where a command can be corrected; null where there is nothing to correct but to send or to leave it. */
export function pageOf(command: Command): Page | null {
  return KINDS[command.path]?.page?.(command) ?? null;
}

function line(key: string, label: string, value: string | number | null | undefined | false): Line[] {
  return value ? [{ key, label, value: String(value) }] : [];
}

function verified(form: Verification, options: Options): Line[] {
  const risks = (form.risks ?? []).map(({ risk, found, remark }) => {
    const words = `${labelOf(options?.risks, risk)}：${labelIn(FOUND, found)}`;
    return remark ? `${words}（${remark}）` : words;
  });
  return [
    ...line("met", "见到了", labelIn(MET, form.met)),
    ...line("finding", "核实结果", wordOf(FINDINGS, form.finding).word),
    ...line("reason", "告诉申报人的理由", form.reason),
    ...line("risks", "困难", risks.join("\n")),
    ...line("income_right", "收入和花费", form.income_right && labelIn(INCOME, form.income_right)),
    ...NEEDS.flatMap(({ key, label }) => line(key, label, form[key] && labelIn(SAFE, form[key] ?? ""))),
    ...line("photos", "照片", `${form.photos.length} 张`),
    ...line("position", "位置", form.position ? "已记下" : form.position_missing),
    ...line("text", "看到的情况", form.text),
    ...line("urgency", "急不急", form.urgency && labelIn(URGENCY, form.urgency)),
    ...line("signature", "签名", form.signature ? "已签" : form.signature_missing),
  ];
}
