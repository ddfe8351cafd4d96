// Pictures that a phone sends, as JPEG blobs: one drawn here, or files of whoever sits in front of it.

import { showDay, showSecond } from "./time.js";

const LONGEST_SIDE = 1280;
const QUALITY = 0.85;
const SAMPLE = { width: 960, height: 720 };

const jpeg = (canvas) => canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });

/** A drawn house with the demo's time on it (unix seconds). */
export function sample(now) {
  const { width, height } = SAMPLE;
  const made = new OffscreenCanvas(width, height);
  const pen = made.getContext("2d");
  const fill = (colour, ...points) => {
    pen.fillStyle = colour;
    pen.beginPath();
    for (const [x, y] of points) pen.lineTo(x * width, y * height);
    pen.fill();
  };
  fill("#cfe6f2", [0, 0], [1, 0], [1, 0.62], [0, 0.62]);
  fill("#a9c7a1", [0, 0.5], [0.3, 0.3], [0.55, 0.48], [0.8, 0.28], [1, 0.44], [1, 0.7], [0, 0.7]);
  fill("#d8cfae", [0, 0.66], [1, 0.66], [1, 1], [0, 1]);
  fill("#f3efe6", [0.3, 0.46], [0.7, 0.46], [0.7, 0.76], [0.3, 0.76]);
  fill("#8b5a45", [0.25, 0.47], [0.5, 0.26], [0.75, 0.47]);
  fill("#6d4c3c", [0.46, 0.56], [0.55, 0.56], [0.55, 0.76], [0.46, 0.76]);
  fill("#7fa6bb", [0.34, 0.54], [0.42, 0.54], [0.42, 0.64], [0.34, 0.64]);
  fill("#7fa6bb", [0.59, 0.54], [0.66, 0.54], [0.66, 0.64], [0.59, 0.64]);
  pen.fillStyle = "rgb(0 0 0 / 55%)";
  pen.fillRect(0, height - 64, width, 64);
  pen.fillStyle = "#fff";
  pen.font = "30px sans-serif";
  pen.textBaseline = "middle";
  pen.fillText(`示例照片  ${showDay(now)} ${showSecond(now)}`, 24, height - 31);
  return jpeg(made);
}

/** A file as a phone would send it: no side longer than 1,280 pixels, without where it was taken. */
export async function shrunk(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const made = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
  made.getContext("2d").drawImage(bitmap, 0, 0, made.width, made.height);
  bitmap.close();
  return jpeg(made);
}

/** Let whoever sits in front of the phone choose files; an empty list where they change their mind. */
export function chosenFiles(several) {
  const input = document.createElement("input");
  Object.assign(input, { type: "file", accept: "image/*", multiple: several });
  return new Promise((resolve) => {
    input.addEventListener("change", () => resolve([...input.files]));
    input.addEventListener("cancel", () => resolve([]));
    input.click();
  });
}
