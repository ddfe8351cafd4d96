/** One voice note at a time: recording, and listening to it again. */
import { reactive } from "vue";

import { wordsOf } from "@/api/client";
import { keepFile } from "@/core/files";
import type { FileRef } from "@/core/queue";
import { Trouble } from "@/core/trouble";
import { files } from "@platform/files";
import { record } from "@platform/microphone";

export { canRecord } from "@platform/microphone";

/** A recording under way. */
export interface Take {
  /** What was recorded, once it has ended. */
  bytes: Promise<ArrayBuffer>;
  stop(): void;
}

export const LONGEST_S = 60;
const SHORTEST_MS = 800;

/** `problem` says in words why the last try gave nothing; `playing` is the hash of what is heard now. */
export const recorder = reactive<{ state: "idle" | "recording"; seconds: number; problem: string; playing: string }>({
  state: "idle",
  seconds: 0,
  problem: "",
  playing: "",
});

/** Recordings whose part of the page was left before they had ended, by place. */
const left = new Map<string, FileRef>();

/** Put a recording down for the part that stands at this place when it is shown again. */
export function leave(place: string, recording: FileRef): void {
  left.set(place, recording);
}

/** What was put down here. */
export function takeUp(place: string): FileRef | null {
  const found = left.get(place) ?? null;
  left.delete(place);
  return found;
}

let take: Take | null = null;
let ended: Promise<FileRef | null> | null = null;

/** Record until `stopRecording`, the sixtieth second, or whatever interrupts the phone. What was said until then
 * is kept and given back; null with a `problem` when there is nothing. */
export function startRecording(): Promise<FileRef | null> {
  ended ??= recorded().finally(() => {
    ended = null;
  });
  return ended;
}

/** End the recording; what `startRecording` gives. */
export function stopRecording(): Promise<FileRef | null> {
  take?.stop();
  return ended ?? Promise.resolve(null);
}

async function recorded(): Promise<FileRef | null> {
  stopPlaying();
  recorder.problem = "";
  recorder.seconds = 0;
  try {
    take = await record(LONGEST_S);
    const bytes = await timed(take);
    return await keepFile(bytes, "recording");
  } catch (error) {
    recorder.problem = wordsOf(error);
    return null;
  } finally {
    take = null;
    recorder.state = "idle";
  }
}

async function timed(running: Take): Promise<ArrayBuffer> {
  const start = Date.now();
  recorder.state = "recording";
  const clock = setInterval(() => {
    recorder.seconds = Math.min(LONGEST_S, Math.floor((Date.now() - start) / 1000));
    if (recorder.seconds >= LONGEST_S) running.stop();
  }, 250);
  try {
    const bytes = await running.bytes;
    if (!bytes.byteLength || Date.now() - start < SHORTEST_MS) throw new Trouble("录音太短了，没有录上。请再录一次，说完再点“说完了”。");
    return bytes;
  } finally {
    clearInterval(clock);
  }
}

let player: UniApp.InnerAudioContext | null = null;

/** Let a kept voice note be heard. Raises `Trouble` when it is not here any more; `recorder.problem` says later
 * when the phone cannot play it. */
export async function play(sha256: string): Promise<void> {
  stopPlaying();
  recorder.problem = "";
  recorder.playing = sha256;
  const address = await files.addressOf(sha256);
  // Somebody may have pressed something else meanwhile.
  if (recorder.playing !== sha256) return;
  if (!address) {
    stopPlaying();
    throw new Trouble("这段录音已不在手机上，请重新录。");
  }
  const mine = uni.createInnerAudioContext();
  player = mine;
  mine.onEnded(() => {
    if (mine === player) stopPlaying();
  });
  mine.onError(() => {
    if (mine !== player) return;
    stopPlaying();
    recorder.problem = "手机放不出这段录音，换一部手机能听到。";
  });
  mine.src = address;
  mine.play();
}

export function stopPlaying(): void {
  const old = player;
  player = null;
  recorder.playing = "";
  old?.destroy();
}
