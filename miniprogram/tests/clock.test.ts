import { expect, test } from "vitest";

import { ago, deviceTime, monthOf, readable, untilDue } from "@/core/clock";

const NOW = Date.parse("2026-11-22T01:05:00Z");
const before = (minutes: number) => new Date(NOW - minutes * 60_000).toISOString();

test("China's time, whatever the phone is set to", () => {
  expect(readable(NOW)).toBe("11月22日 9:05");
  expect(monthOf("2026-11-30T17:00:00Z")).toBe("2026-12");
});

test.each([
  [-3 * 1440 - 5, "还剩 3 天"],
  [-90, "还剩 1 小时"],
  [-0.2, "还剩 1 分钟"],
  [59, "已超期 59 分钟"],
  [2880, "已超期 2 天"],
])("due %i minutes ago: %s", (minutes, words) => {
  expect(untilDue(before(minutes), NOW)).toBe(words);
});

test.each([
  [0.5, "刚刚"],
  [59, "59 分钟前"],
  [23 * 60, "23 小时前"],
  [24 * 60, "11月21日 9:05"],
])("%f minutes ago: %s", (minutes, words) => {
  expect(ago(before(minutes), NOW)).toBe(words);
});

test("a command carries the instant with the phone's offset", () => {
  const now = new Date("2026-11-22T01:05:09Z");
  expect(deviceTime(now)).toMatch(/^2026-11-2\dT\d\d:\d\d:09[+-]\d\d:\d\d$/);
  expect(Date.parse(deviceTime(now))).toBe(now.getTime());
});
