/** Keeping photos and recordings on the phone, and letting go of those that nothing needs any more. */
import type { FileRef } from "@/core/queue";
import { everybodys, StorageFull } from "@/core/store";
import { files } from "@platform/files";

const HOUR_MS = 3600 * 1000;
const KEPT_MS = 30 * 24 * HOUR_MS;
const HASH = /\b[0-9a-f]{64}\b/g;

/** Keep a file; where the phone is full, what nothing needs makes room first. Raises `StorageFull`. */
export async function keepFile(bytes: ArrayBuffer, use: FileRef["use"]): Promise<FileRef> {
  try {
    return { ...(await files.put(bytes)), use };
  } catch (error) {
    // What was made within the hour may belong to a form that has not named it yet.
    if (!(error instanceof StorageFull) || (await sweep(HOUR_MS)) === 0) throw error;
    return { ...(await files.put(bytes)), use };
  }
}

/** The hashes that something unfinished on this phone names: anybody's draft, or a write that was not sent. */
export function needed(): Set<string> {
  const unsent = everybodys("outbox/").filter((text) => !isSent(text));
  return new Set([...everybodys("draft/"), ...unsent].join(" ").match(HASH) ?? []);
}

function isSent(command: string): boolean {
  return (JSON.parse(command) as { state?: string }).state === "sent";
}

/** Drop a file that its owner took out of a form, unless something else names it. */
export async function release(sha256: string): Promise<void> {
  // The form that named it is kept anew first.
  await new Promise((resolve) => setTimeout(resolve, 0));
  if (!needed().has(sha256)) await files.drop(sha256);
}

/** Drop what nothing unfinished names and was not kept within this time; how many. */
export async function sweep(age: number = KEPT_MS): Promise<number> {
  const names = needed();
  const old = (await files.all()).filter(({ sha256, at }) => !names.has(sha256) && at < Date.now() - age);
  for (const { sha256 } of old) await files.drop(sha256);
  return old.length;
}
