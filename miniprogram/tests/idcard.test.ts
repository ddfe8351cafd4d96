import { describe, expect, it } from "vitest";

import { ageOf, birthOf, maskedIdNo, normalIdNo, wrongIdNo } from "@/core/idcard";

const TODAY = "2026-11-22";
const RIGHT = "000000196001010014";

describe("an ID number", () => {
  it("is right with its check digit, also as a disability card's number or typed in full width", () => {
    for (const text of [RIGHT, `${RIGHT}44`, `${RIGHT}4412`, "００００００19600101001４", "000000 19600101 0014"]) {
      expect(wrongIdNo(text, TODAY)).toBe("");
      expect(normalIdNo(text)).toBe(RIGHT);
    }
  });

  it("tells any single wrong digit and any two that changed places", () => {
    for (let at = 0; at < 17; at += 1) {
      const digit = Number(RIGHT[at]);
      for (let other = 0; other < 10; other += 1) {
        const text = RIGHT.slice(0, at) + other + RIGHT.slice(at + 1);
        expect(wrongIdNo(text, TODAY) === "").toBe(other === digit);
      }
      const swapped = RIGHT.slice(0, at) + RIGHT[at + 1] + RIGHT[at] + RIGHT.slice(at + 2);
      expect(wrongIdNo(swapped, TODAY) === "").toBe(swapped === RIGHT);
    }
  });

  it("may end in X", () => {
    expect(wrongIdNo("00000019600101009x", TODAY)).toBe("");
    expect(normalIdNo("00000019600101009x")).toBe("00000019600101009X");
    expect(wrongIdNo("00000019600101009Y", TODAY)).not.toBe("");
  });

  it("has a day of birth that there was", () => {
    expect(birthOf("000000196002300000")).toBe("");
    expect(birthOf("000000185001010000")).toBe("");
    expect(wrongIdNo("000000203001010019", TODAY)).toContain("出生日期");
    expect(wrongIdNo("00000019600101", TODAY)).toContain("18 位");
  });

  it("tells the age", () => {
    expect(ageOf("000000201211220000", TODAY)).toBe(14);
    expect(ageOf("000000201211230000", TODAY)).toBe(13);
    expect(ageOf("", TODAY)).toBe(-1);
  });

  it("hides its middle", () => expect(maskedIdNo(RIGHT)).toBe("000***********0014"));
});
