/** What a report says, as lines to read. */
import type { Schema } from "@/api/client";
import { readableMonth } from "@/core/clock";
import { labelOf } from "@/core/options";
import { BANDS, REPORT_FIELDS, SAFETY } from "@/core/words";

export interface Line {
  key: string;
  label: string;
  value: string;
}

type Options = Partial<Schema<"FormShape">>;
type Fields = Record<string, unknown>;

/** Which table of the form's options names the codes of a field. */
const OPTIONS_OF: Record<string, "risks" | "relations" | "measures"> = {
  risks: "risks",
  relation: "relations",
  wanted_help: "measures",
};

/** The values of a report in the form's order, without what was left out. */
export function linesOf(fields: Fields, options: Options = {}): Line[] {
  const lines: Line[] = [];
  for (const [key, label] of Object.entries(REPORT_FIELDS)) {
    const value = valueOf(key, fields[key], options);
    if (value) lines.push({ key, label, value });
  }
  return lines;
}

/** One value in words; empty when there is none. */
export function valueOf(key: string, value: unknown, options: Options = {}): string {
  if (value === null || value === undefined || value === "") return "";
  const table = OPTIONS_OF[key];
  if (table) {
    const codes = Array.isArray(value) ? (value as string[]) : [String(value)];
    return codes.map((code) => labelOf(options[table], code)).join("、");
  }
  if (key === "housing" || key === "water") return SAFETY[String(value)] ?? String(value);
  if (key === "members_affected") return `${String(value)} 人`;
  if (key === "event_date") return readableMonth(String(value));
  if (key === "position") return place(value as { latitude: number; longitude: number });
  if (typeof value === "object") return amount(value as { fen?: number | null; band?: string | null });
  return String(value);
}

function amount({ fen, band }: { fen?: number | null; band?: string | null }): string {
  if (band) return BANDS[band] ?? band;
  return typeof fen === "number" ? `${fen / 100} 元` : "";
}

function place({ latitude, longitude }: { latitude: number; longitude: number }): string {
  return `北纬 ${latitude.toFixed(4)}，东经 ${longitude.toFixed(4)}`;
}
