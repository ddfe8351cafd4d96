/** Where this phone is, and showing a place on a map. */
import { toGcj02 } from "@/core/gcj02";
import { type Position, PositionProblem } from "@/core/position";

export { PositionProblem };

const TIMEOUT_MS = 10_000;
/** A position of a minute ago is the same house. */
const FRESH_MS = 60_000;
/** By `GeolocationPositionError.code`. */
const REASONS = { 1: "refused", 2: "lost", 3: "slow" } as const;

/** In GCJ-02, as China's maps are drawn. Raises `PositionProblem`. */
export async function whereAmI(): Promise<Position> {
  if (!navigator.geolocation || !window.isSecureContext) throw new PositionProblem("never");
  const options = { enableHighAccuracy: true, timeout: TIMEOUT_MS, maximumAge: FRESH_MS };
  const { coords } = await new Promise<GeolocationPosition>((resolve, reject) => {
    const refused = ({ code }: GeolocationPositionError) => reject(new PositionProblem(REASONS[code as 1 | 2 | 3] ?? "lost"));
    navigator.geolocation.getCurrentPosition(resolve, refused, options);
  });
  return { ...toGcj02(coords), accuracy: Math.round(coords.accuracy) };
}

/** Show a place on a map, outside of these pages; call it when the button is pressed.
 *
 * The map is somebody else's: `name` is a village, never a person. */
export function openMap(latitude: number, longitude: number, name: string): void {
  const marker = `coord:${latitude},${longitude};title:${name}`;
  const link = document.createElement("a");
  link.href = `https://apis.map.qq.com/uri/v1/marker?marker=${encodeURIComponent(marker)}&referer=fangpin`;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  link.click();
}
