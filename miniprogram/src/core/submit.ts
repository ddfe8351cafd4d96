/** Queue a write, wait for what comes of it, and say it in words. */
import type { FieldError, Path } from "@/api/client";
import { about, drop, enqueue, settled } from "@/core/outbox";
import type { Command } from "@/core/queue";

export interface Outcome {
  kind: "sent" | "waiting" | "refused" | "full";
  /** For a person: empty when it was sent. */
  words: string;
  errors: FieldError[];
  answer: Record<string, unknown> | null;
}

/** When the phone had no room for the queue. */
export const FULL = "手机存储空间满了，还没有提交，您填的内容都还在。请删除一些照片或视频，再提交一次。";
const WAITS = "已保存在手机上，有信号时自动发送。";

/** `typed`: whether somebody wrote something that a refusal must not lose. What was only pressed is taken out of
 * the queue when it is refused, so that nobody has to clear it away. */
export async function submit<P extends Path>(write: Parameters<typeof enqueue<P>>[0], typed: boolean): Promise<Outcome> {
  const command = enqueue(write);
  if (!command) return { kind: "full", words: FULL, errors: [], answer: null };
  const now = await settled(command.id);
  if (!now || now.state === "sent") return { kind: "sent", words: "", errors: [], answer: now?.answer ?? null };
  if (now.state === "waiting") return { kind: "waiting", words: WAITS, errors: [], answer: null };
  if (!typed) drop(now);
  return { kind: "refused", words: now.reason, errors: now.errors, answer: null };
}

/** A write of this kind that the service refused, for its form to be filled in again from it: the draft itself
 * went when the write was queued. */
export function refusedOf<B>(thing: string, path: Path, fits: (body: B) => boolean = () => true): (Command & { body: B }) | undefined {
  const found = about(thing).filter((command) => command.state === "refused" && command.path === path);
  return found.find((command) => fits(command.body as B)) as (Command & { body: B }) | undefined;
}
