/** The microphone. */
import type { Take } from "@/core/recorder";
import { Trouble } from "@/core/trouble";
import { bytesOf } from "./camera";
import { allowed } from "./privacy";
import { permittedInSettings, REFUSED } from "./settings";
import type { Failure } from "./wx";

const NOT_ALLOWED = "没有允许使用麦克风，所以录不了音。可以打字说明。";
const OTHERWISE = "麦克风没有打开。请关掉通话或别的录音，再点一次；也可以打字。";

export const canRecord = true;

/** WeChat's has one listener more than uni-app's types know. */
type Manager = UniApp.RecorderManager & { onInterruptionBegin(listener: () => void): void };

/** The one recording of the moment; WeChat has one recorder for the whole mini program. */
let current: { started: () => void; ended: (path: string) => void; failed: (words: string) => void } | null = null;
let manager: Manager | null = null;

function theRecorder(): Manager {
  if (manager) return manager;
  manager = uni.getRecorderManager() as Manager;
  manager.onStart(() => current?.started());
  manager.onStop((answer: unknown) => current?.ended((answer as { tempFilePath: string }).tempFilePath));
  manager.onError((failure: unknown) => current?.failed((failure as Failure).errMsg));
  // A call comes in: what was said until then is kept.
  manager.onInterruptionBegin(() => manager?.stop());
  return manager;
}

/** Begin to record; ends by itself after so many seconds. Raises `Trouble`. */
export async function record(seconds: number): Promise<Take> {
  if (!(await allowed("microphone"))) throw new Trouble("您没有同意使用麦克风，所以录不了音。可以打字说明。");
  try {
    return await begun(seconds);
  } catch (words) {
    if (typeof words !== "string") throw words;
    if (!REFUSED.test(words)) throw new Trouble(OTHERWISE);
    const why = "之前没有允许使用麦克风。要打开吗？打开后可以说话，不用打字。";
    if (!(await permittedInSettings("scope.record", "使用麦克风", why))) throw new Trouble(NOT_ALLOWED);
    return begun(seconds).catch(() => {
      throw new Trouble(OTHERWISE);
    });
  }
}

/** Rejects with WeChat's words when it does not begin. */
function begun(seconds: number): Promise<Take> {
  const recorder = theRecorder();
  return new Promise((resolve, reject) => {
    const bytes = new Promise<ArrayBuffer>((ended, broken) => {
      current = {
        started: () => resolve({ bytes, stop: () => recorder.stop() }),
        ended: (path) => {
          current = null;
          bytesOf(path).then(ended, () => broken(new Trouble(OTHERWISE)));
        },
        failed: (words) => {
          current = null;
          reject(words);
          broken(new Trouble(OTHERWISE));
        },
      };
    });
    // Where it never begins nobody waits for its end.
    bytes.catch(() => undefined);
    recorder.start({ duration: seconds * 1000, format: "mp3", sampleRate: 16_000, numberOfChannels: 1, encodeBitRate: 24_000 });
  });
}
