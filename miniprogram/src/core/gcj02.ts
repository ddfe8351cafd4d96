/** China's maps are drawn in GCJ-02, the phone's satellites say WGS-84; the two differ by some hundred metres.
 *
 * The shift is the published approximation that open map projects share (Krasovsky 1940 ellipsoid); it is exact
 * to a few metres, which is less than what a phone knows about where it is.
 */

export interface Point {
  latitude: number;
  longitude: number;
}

const AXIS_M = 6378245;
const ECCENTRICITY = 0.00669342162296594323;
const { PI, abs, cos, sin, sqrt } = Math;

/** Roughly: the shift is defined for the mainland, whose surroundings share a rectangle with it. */
export function inChina({ latitude, longitude }: Point): boolean {
  return longitude >= 72.004 && longitude <= 137.8347 && latitude >= 0.8293 && latitude <= 55.8271;
}

/** A point of the satellites on China's maps; outside of China both are the same. */
export function toGcj02(point: Point): Point {
  if (!inChina(point)) return { ...point };
  const x = point.longitude - 105;
  const y = point.latitude - 35;
  const angle = (point.latitude * PI) / 180;
  const bend = 1 - ECCENTRICITY * sin(angle) ** 2;
  const north = (northward(x, y) * 180) / (((AXIS_M * (1 - ECCENTRICITY)) / (bend * sqrt(bend))) * PI);
  const east = (eastward(x, y) * 180) / ((AXIS_M / sqrt(bend)) * cos(angle) * PI);
  return { latitude: point.latitude + north, longitude: point.longitude + east };
}

/** Waves that both directions share, in metres. */
function ripple(x: number): number {
  return ((20 * sin(6 * x * PI) + 20 * sin(2 * x * PI)) * 2) / 3;
}

function northward(x: number, y: number): number {
  const plane = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x));
  const waves = ((20 * sin(y * PI) + 40 * sin((y / 3) * PI)) * 2) / 3;
  return plane + ripple(x) + waves + ((160 * sin((y / 12) * PI) + 320 * sin((y * PI) / 30)) * 2) / 3;
}

function eastward(x: number, y: number): number {
  const plane = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x));
  const waves = ((20 * sin(x * PI) + 40 * sin((x / 3) * PI)) * 2) / 3;
  return plane + ripple(x) + waves + ((150 * sin((x / 12) * PI) + 300 * sin((x / 30) * PI)) * 2) / 3;
}
