/** Where this phone is, and showing a place on a map. */
import { type Position, PositionProblem, type Reason } from "@/core/position";
import { allowed } from "./privacy";
import { permittedInSettings, REFUSED } from "./settings";
import { asked, type Failure } from "./wx";

export { PositionProblem };

const SCOPE = "scope.userLocation";
const TIMEOUT_MS = 10_000;
/** WeChat's words, the first that fit. */
const REASONS: [RegExp, Reason][] = [
  [/SWITCHOFF|location_?switch|LocationServiceDisabled|system location/i, "off"],
  [REFUSED, "refused"],
  [/timeout|time out/i, "slow"],
];

/** In GCJ-02, as China's maps are drawn. Raises `PositionProblem`. */
export async function whereAmI(): Promise<Position> {
  if (!(await allowed("position"))) throw new PositionProblem("refused");
  try {
    return await located();
  } catch (error) {
    if (!(error instanceof PositionProblem) || error.reason !== "refused") throw error;
    const words = "之前没有允许使用位置。要打开吗？打开后能帮您找到所在的村组。";
    if (await permittedInSettings(SCOPE, "使用位置", words)) return located();
    throw error;
  }
}

async function located(): Promise<Position> {
  const options = { type: "gcj02", isHighAccuracy: true, highAccuracyExpireTime: TIMEOUT_MS } as const;
  try {
    const { latitude, longitude, accuracy } = await asked<UniApp.GetLocationSuccess>((done) => uni.getLocation({ ...options, ...done }));
    return { latitude, longitude, accuracy: Math.round(accuracy) };
  } catch (failure) {
    const { errMsg } = failure as Failure;
    throw new PositionProblem(REASONS.find(([words]) => words.test(errMsg))?.[1] ?? "lost");
  }
}

/** Show a place on WeChat's own map; `name` is a village, never a person. */
export function openMap(latitude: number, longitude: number, name: string): void {
  uni.openLocation({ latitude, longitude, name, scale: 16 });
}
