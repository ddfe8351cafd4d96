/** What can be ticked in the report form, and in which words. */
import type { Answer, Schema } from "@/api/client";
import { type Shown, shown } from "@/core/answers";
import { ask } from "@/core/session";

type Form = Schema<"FormShape">;
type Option = Schema<"OptionShape">;

/** How the general options are kept. */
export const GENERAL = "form-options";

export function loadOptions(place = ""): Promise<Answer<"/api/report-form", "get">> {
  return ask("get", "/api/report-form", { query: { place } });
}

/** The options that hold at a place; without one, those that hold anywhere. */
export function optionsShown(place = ""): Shown<Form> {
  return shown(place ? `${GENERAL}/${place}` : GENERAL, () => loadOptions(place));
}

/** How people say it, where the table knows. */
export function plainOf(option: Option): string {
  return option.plain || option.label;
}

/** What an option with this code is called in plain words. */
export function labelOf(options: readonly Option[] | undefined, code: string): string {
  const option = options?.find((one) => one.code === code);
  return option ? plainOf(option) : code;
}

/** Options as rows to tick, in plain words. */
export function ticksOf(options: readonly Option[]): { code: string; label: string }[] {
  return options.map((option) => ({ code: option.code, label: plainOf(option) }));
}
