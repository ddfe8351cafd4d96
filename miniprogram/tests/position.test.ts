/** The shift between satellites and China's maps, and what counts as a signature. */
import { describe, expect, it } from "vitest";

import { inChina, toGcj02 } from "@/core/gcj02";
import { isSignature } from "@/core/ink";

const METRES_PER_DEGREE = 111_320;

describe("positions", () => {
  // Pairs as the open map projects' own tests have them.
  it.each([
    [31.1774276, 121.5272106, 31.17530398364597, 121.531541859215],
    [22.543847, 113.912316, 22.540796131694766, 113.9171764808363],
    [39.911954, 116.377817, 39.91334545536069, 116.38404722455657],
  ])("at %d, %d are moved to within a metre of where the maps are", (latitude, longitude, north, east) => {
    const moved = toGcj02({ latitude, longitude });
    const metres = Math.hypot(moved.latitude - north, (moved.longitude - east) * Math.cos((north * Math.PI) / 180)) * METRES_PER_DEGREE;
    expect(metres).toBeLessThan(1);
  });

  it("outside of China stay where they are", () => {
    for (const point of [{ latitude: 48.85, longitude: 2.35 }, { latitude: -33.9, longitude: 120 }, { latitude: 0, longitude: 0 }]) {
      expect(inChina(point)).toBe(false);
      expect(toGcj02(point)).toEqual(point);
    }
  });
});

describe("a signature", () => {
  it("is more than a dot or a slip", () => {
    const stroke = (length: number) => [{ x: 0.1, y: 0.1 }, { x: 0.1 + length, y: 0.1 }];
    expect(isSignature([])).toBe(false);
    expect(isSignature([[{ x: 0.5, y: 0.5 }]])).toBe(false);
    expect(isSignature([stroke(0.1), stroke(0.1)])).toBe(false);
    expect(isSignature([stroke(0.2), stroke(0.2)])).toBe(true);
  });
});
