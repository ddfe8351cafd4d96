/** The microphone. */
import type { Take } from "@/core/recorder";
import { Trouble } from "@/core/trouble";

/** What the service takes, the best known first. */
const TYPES = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];
const BITS_PER_SECOND = 24_000;
/** By the name of the browser's error. */
const WORDS: Record<string, string> = {
  NotAllowedError: "没有允许使用麦克风。请在手机“设置”里允许微信使用麦克风，再点一次；也可以打字。",
  NotFoundError: "这部设备没有麦克风，请打字说明。",
  NotReadableError: "麦克风正被别的应用使用。请关掉通话或录音，再点一次；也可以打字。",
};
const OTHERWISE = "麦克风没有打开，请再点一次；也可以打字。";

const type = typeof MediaRecorder === "undefined" ? undefined : TYPES.find((one) => MediaRecorder.isTypeSupported(one));

export const canRecord = Boolean(type && navigator.mediaDevices?.getUserMedia);

/** Begin to record; the caller ends it. Raises `Trouble`. */
export async function record(_seconds: number): Promise<Take> {
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, noiseSuppression: true } });
  } catch (error) {
    throw new Trouble(WORDS[(error as DOMException).name] ?? OTHERWISE);
  }
  const tracks = stream.getTracks();
  const recorder = new MediaRecorder(stream, { mimeType: type, audioBitsPerSecond: BITS_PER_SECOND });
  const pieces: Blob[] = [];
  const stop = () => {
    if (recorder.state !== "inactive") recorder.stop();
  };
  // A call comes in, or the person goes elsewhere: the browser would go on recording silence.
  const hidden = () => document.hidden && stop();
  document.addEventListener("visibilitychange", hidden);
  for (const track of tracks) track.addEventListener("ended", stop);
  const bytes = new Promise<ArrayBuffer>((resolve) => {
    recorder.ondataavailable = ({ data }) => pieces.push(data);
    recorder.onstop = () => {
      document.removeEventListener("visibilitychange", hidden);
      for (const track of tracks) track.stop();
      resolve(new Response(new Blob(pieces)).arrayBuffer());
    };
  });
  recorder.start();
  return { bytes, stop };
}
