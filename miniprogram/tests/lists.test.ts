/** Long lists that are read anew, and reports as lines. */
import { expect, test } from "vitest";

import { isNew } from "@/core/inbox";
import { merged } from "@/core/lists";
import { linesOf } from "@/core/told";
import { reportWord } from "@/core/words";

const items = (...ids: number[]) => ids.map((id) => ({ id: String(id) }));

test("what was read on stays when the first page moves, and nothing between is missing", () => {
  const before = items(6, 5, 4, 3);
  expect(merged(before, { items: items(8, 7, 6, 5), next: "c5" }, "c3")).toEqual({ items: items(4, 3), next: "c3" });
  // Four new ones have pushed everything known off the first page: the list begins afresh.
  expect(merged(before, { items: items(10, 9, 8, 7), next: "c7" }, "c3")).toEqual({ items: [], next: undefined });
  // Nothing was read on: the first page alone says how it goes on.
  expect(merged(items(6, 5), { items: items(7, 6), next: "c6" }, undefined)).toEqual({ items: [], next: undefined });
});

test("a message is new until the person has looked, whatever way its time is written", () => {
  const at = "2026-11-22T02:00:00.500000+00:00";
  expect(isNew({ at }, "")).toBe(true);
  expect(isNew({ at }, at)).toBe(false);
  expect(isNew({ at }, "2026-11-22T02:00:00Z")).toBe(true);
});

test("a report reads in plain words, in the form's order, without what was left out", () => {
  const options = { risks: [{ code: "illness", label: "因病", plain: "看病花了很多钱" }] };
  const fields = {
    own_paid_medical: { fen: null, band: "5000_20000" },
    income_lost: { fen: 120050, band: null },
    event_date: "2026-09",
    water: "unsafe",
    applicant_name: "测试甲",
    statement: null,
  };
  expect(linesOf({ ...fields, risks: ["illness", "newer_code"] }, options).map(({ key, value }) => [key, value])).toEqual([
    ["applicant_name", "测试甲"],
    ["risks", "看病花了很多钱、newer_code"],
    ["event_date", "2026年9月"],
    ["own_paid_medical", "5000 到 2 万元"],
    ["income_lost", "1200.5 元"],
    ["water", "不安全"],
  ]);
});

test("a verified report is called by what was found", () => {
  expect(reportWord({ state: "verified", finding: "not_true" })).toEqual({ word: "与申报不符", kind: "bad" });
  expect(reportWord({ state: "verifying", finding: null }).word).toBe("干部核实中");
});
