/** Camera, microphone, loudspeaker, and canvases off the screen. What they give, the test has put into `phone`. */
import { bytesOf, phone } from "../state.js";
import { ask, node } from "../asking.js";
import { api, apis, Failed } from "./api.js";
import { createImage, fileAddress, readFile, store } from "./files.js";
import { privately } from "./privacy.js";

/** Take up to `count` of the photos that the test holds ready; none means that the person went back. */
const taken = (name, count) =>
  privately(name, async () => {
    const given = phone.photos.splice(0, count);
    if (!given.length) throw new Failed("cancel");
    return given.map(({ base64, type }) => {
      const bytes = bytesOf(base64);
      return { path: store(bytes, { type }), size: bytes.byteLength };
    });
  });

async function picture(path) {
  const shown = new Image();
  shown.src = fileAddress(path);
  await shown.decode();
  return shown;
}

const isJpeg = (path) => new Uint8Array(readFile(path), 0, 1)[0] === 0xff;

const works = {
  async chooseMedia({ count = 9 }) {
    const tempFiles = (await taken("chooseMedia", count)).map(({ path, size }) => ({
      tempFilePath: path, size, fileType: "image",
    }));
    return { tempFiles, type: "image" };
  },
  async chooseImage({ count = 9 }) {
    const tempFiles = await taken("chooseImage", count);
    return { tempFilePaths: tempFiles.map(({ path }) => path), tempFiles };
  },
  async compressImage({ src, quality = 80, compressedWidth, compressedHeight }) {
    // WeChat makes nothing but JPEG smaller.
    if (!isJpeg(src)) return { tempFilePath: src };
    const from = await picture(src);
    const width = compressedWidth ?? (compressedHeight ? (from.naturalWidth * compressedHeight) / from.naturalHeight : from.naturalWidth);
    const height = compressedHeight ?? (from.naturalHeight * width) / from.naturalWidth;
    const canvas = new OffscreenCanvas(Math.round(width), Math.round(height));
    canvas.getContext("2d").drawImage(from, 0, 0, canvas.width, canvas.height);
    const made = await canvas.convertToBlob({ type: "image/jpeg", quality: quality / 100 });
    return { tempFilePath: store(await made.arrayBuffer(), { type: "image/jpeg" }) };
  },
  async getImageInfo({ src }) {
    const { naturalWidth: width, naturalHeight: height } = await picture(src);
    return { width, height, path: src, orientation: "up", type: isJpeg(src) ? "jpeg" : "png" };
  },
  async previewImage({ urls, current }) {
    const shown = typeof current === "number" ? urls[current] : current;
    void ask("", [node("img", { src: fileAddress(shown ?? urls[0]), width: 260 })], { 关闭: true });
  },
  async canvasToTempFilePath({ canvas, fileType = "png", quality = 1 }) {
    const type = fileType === "jpg" ? "image/jpeg" : "image/png";
    const made = canvas.convertToBlob
      ? await canvas.convertToBlob({ type, quality })
      : await new Promise((resolve) => canvas.toBlob(resolve, type, quality));
    return { tempFilePath: store(await made.arrayBuffer(), { type }) };
  },
};

/** One recorder for the whole app, as in WeChat. */
const recorder = {
  hearing: {},
  begun: 0,
  start() {
    const begin = async () => {
      if (!phone.recording) throw new Failed("auth deny");
      this.begun = Date.now();
      this.hearing.onStart?.();
    };
    privately("getRecorderManager", begin).catch(({ message }) => this.hearing.onError?.({ errMsg: `operateRecorder:fail ${message}` }));
  },
  stop() {
    const bytes = bytesOf(phone.recording);
    const tempFilePath = store(bytes, { type: "audio/mpeg" });
    this.hearing.onStop?.({ tempFilePath, duration: Date.now() - this.begun, fileSize: bytes.byteLength });
  },
  pause() {},
  resume() {},
};
for (const name of ["onStart", "onStop", "onError", "onPause", "onResume", "onFrameRecorded", "onInterruptionBegin", "onInterruptionEnd"]) {
  recorder[name] = (hear) => (recorder.hearing[name] = hear);
}

/** A loudspeaker; the browser plays nothing in tests, so it comes to the end at once. */
function audio() {
  const hearing = {};
  const hear = (name) => [`on${name}`, (what) => (hearing[name] = what)];
  const unhear = (name) => [`off${name}`, () => delete hearing[name]];
  const names = ["Play", "Ended", "Stop", "Error", "Pause", "TimeUpdate", "Canplay", "Waiting"];
  return {
    src: "", duration: 0, currentTime: 0, paused: true,
    play: () => (hearing.Play?.(), queueMicrotask(() => hearing.Ended?.())),
    stop: () => hearing.Stop?.(),
    pause: () => hearing.Pause?.(),
    seek() {}, destroy() {},
    ...Object.fromEntries([...names.map(hear), ...names.map(unhear)]),
  };
}

function createOffscreenCanvas({ width = 300, height = 150 } = {}) {
  return Object.assign(new OffscreenCanvas(width, height), { createImage });
}

export const media = {
  ...apis(works),
  getRecorderManager: () => recorder,
  createInnerAudioContext: audio,
  setInnerAudioOption: api("setInnerAudioOption", () => ({})),
  createOffscreenCanvas,
};
