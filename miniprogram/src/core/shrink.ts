/** How a photo becomes small enough for a poor connection and stays readable: first a little less quality, then
 * fewer pixels. */
import { Trouble } from "@/core/trouble";

export const LONGEST_SIDE = 1600;
/** Smaller than this, the print on a receipt cannot be read any more. */
const SIDES = [LONGEST_SIDE, 1280, 1024, 800, 640];
const QUALITIES = [0.8, 0.65, 0.5];
export const UNREADABLE = "这张照片的格式手机打不开，请直接拍照，或换一张 JPG 照片。";

/** An open photo of this size, in pixels, that can be drawn as a JPEG of another. */
export interface Sketch {
  width: number;
  height: number;
  draw(width: number, height: number, quality: number): Promise<ArrayBuffer>;
}

/** The measures for a longest side; never larger than the photo is. */
export function fitted(width: number, height: number, side: number): { width: number; height: number } {
  const scale = Math.min(1, side / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** The photo in at most `most` bytes, the largest and best that fits. Raises `Trouble`. */
export async function shrunk(photo: Sketch, most: number): Promise<ArrayBuffer> {
  if (!photo.width || !photo.height) throw new Trouble(UNREADABLE);
  let drawn: ArrayBuffer | null = null;
  for (const side of SIDES) {
    const { width, height } = fitted(photo.width, photo.height, side);
    for (const quality of QUALITIES) {
      drawn = await photo.draw(width, height, quality);
      if (drawn.byteLength <= most) return drawn;
    }
  }
  throw new Trouble("这张照片太大，没能变小。请直接拍一张，或换一张。");
}
