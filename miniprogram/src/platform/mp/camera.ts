/** Taking or choosing photos, and making them small. */
import { shrunk, UNREADABLE } from "@/core/shrink";
import { Trouble } from "@/core/trouble";
import { allowed } from "./privacy";
import { REFUSED } from "./settings";
import { asked, type Failure } from "./wx";

/** A photo as it was chosen: the path of a temporary file. */
export type Source = string;

const CANCELLED = /cancel/i;
/** WeChat's measure of quality runs to 100. */
const PERCENT = 100;

/** Ask for photos; none when the person thought better of it. Raises `Trouble`. */
export async function choosePhotos(most: number): Promise<Source[]> {
  if (!(await allowed("photos"))) throw new Trouble("您没有同意使用相机和照片，所以没有加上。不加照片也可以继续填写。");
  try {
    const { tempFiles } = await asked<UniApp.ChooseMediaSuccessCallbackResult>((done) =>
      uni.chooseMedia({ count: most, mediaType: ["image"], sourceType: ["album", "camera"], sizeType: ["compressed"], ...done }),
    );
    return tempFiles.map((file) => file.tempFilePath);
  } catch (failure) {
    const { errMsg } = failure as Failure;
    if (CANCELLED.test(errMsg)) return [];
    if (REFUSED.test(errMsg)) throw new Trouble("没有允许使用相机或相册。请在手机“设置”里找到微信，打开“相机”和“照片”，再点一次。");
    throw new Trouble("相机或相册没有打开，请再点一次。");
  }
}

/** The photo as a JPEG of at most so many bytes. Raises `Trouble`.
 *
 * WeChat decides what stays in the file besides the pixels; the service keeps nothing else. */
export async function compress(source: Source, most: number): Promise<ArrayBuffer> {
  let size: { width: number; height: number };
  try {
    size = await asked<UniApp.GetImageInfoSuccessData>((done) => uni.getImageInfo({ src: source, ...done }));
  } catch {
    throw new Trouble(UNREADABLE);
  }
  let image: CanvasImage | null = null;
  return shrunk(
    {
      ...size,
      draw: async (width, height, quality) => {
        const small = await byWeChat(source, width, height, quality);
        if (small) return small;
        image ??= await opened(source);
        return drawn(image, width, height, quality);
      },
    },
    most,
  );
}

/** As WeChat makes it; null where it does not: other formats than JPEG, and older versions that know no measures,
 * come back as they were. */
async function byWeChat(source: Source, width: number, height: number, quality: number): Promise<ArrayBuffer | null> {
  // One side is enough: WeChat keeps the proportions.
  const side = width >= height ? { compressedWidth: width } : { compressedHeight: height };
  try {
    const { tempFilePath } = await asked<{ tempFilePath: string }>((done) =>
      uni.compressImage({ src: source, quality: quality * PERCENT, ...side, ...done }),
    );
    const info = await asked<UniApp.GetImageInfoSuccessData>((done) => uni.getImageInfo({ src: tempFilePath, ...done }));
    const obeyed = /^jpe?g$/.test(info.type ?? "") && Math.max(info.width, info.height) <= Math.max(width, height) + 1;
    return obeyed ? await bytesOf(tempFilePath) : null;
  } catch {
    return null;
  }
}

interface CanvasImage {
  src: string;
  onload: () => void;
  onerror: () => void;
}
interface Canvas {
  width: number;
  height: number;
  getContext(kind: "2d"): CanvasRenderingContext2D;
  createImage(): CanvasImage;
}

/** A canvas that is on no page. */
function offscreen(width: number, height: number): Canvas {
  return uni.createOffscreenCanvas({ type: "2d", width, height }) as unknown as Canvas;
}

function opened(source: Source): Promise<CanvasImage> {
  return new Promise((resolve, reject) => {
    const image = offscreen(1, 1).createImage();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Trouble(UNREADABLE));
    image.src = source;
  });
}

async function drawn(image: CanvasImage, width: number, height: number, quality: number): Promise<ArrayBuffer> {
  const canvas = offscreen(width, height);
  const context = canvas.getContext("2d");
  // What is see-through in a PNG is paper.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(image as unknown as CanvasImageSource, 0, 0, width, height);
  return jpeg(canvas, quality);
}

/** A 2d canvas of WeChat's as a JPEG. */
export async function jpeg(canvas: { width: number; height: number }, quality: number): Promise<ArrayBuffer> {
  const { width, height } = canvas;
  const options = { canvas, width, height, destWidth: width, destHeight: height, fileType: "jpg", quality };
  const { tempFilePath } = await asked<{ tempFilePath: string }>((done) =>
    // uni-app's types know a canvas by its id only.
    uni.canvasToTempFilePath({ ...options, ...done } as unknown as UniApp.CanvasToTempFilePathOptions),
  );
  return bytesOf(tempFilePath);
}

/** The bytes of a temporary file. */
export async function bytesOf(path: string): Promise<ArrayBuffer> {
  const { data } = await asked<{ data: string | ArrayBuffer }>((done) => uni.getFileSystemManager().readFile({ filePath: path, ...done }));
  return data as ArrayBuffer;
}
