/** Photos and recordings go up before the write that names them, in parts, and go on where they stopped. */
import { reactive } from "vue";

import { type Answer, Problem } from "@/api/client";
import type { FileRef } from "@/core/queue";
import { ask } from "@/core/session";
import { keep, kept } from "@/core/store";
import { files } from "@platform/files";

/** Small enough to get through a poor connection before it breaks. */
export const PART_BYTES = 128 * 1024;
const ROUTES = { photo: "/api/photos/{sha256}", recording: "/api/recordings/{sha256}" } as const;

/** How many bytes of each file have arrived, by hash. */
export const arrived = reactive<Record<string, number>>({});

/** The file is no longer on this phone. */
export class MissingFile extends Error {
  readonly title = "有一张照片或一段录音已不在手机上，请重新添加后再提交。";
}

const under_way = new Map<string, Promise<void>>();

/** Have a file on the service. Raises what `ask` raises, and `MissingFile`. */
export function upload(file: FileRef): Promise<void> {
  const known = under_way.get(file.sha256);
  if (known) return known;
  const work = send(file).finally(() => under_way.delete(file.sha256));
  under_way.set(file.sha256, work);
  return work;
}

export function hasArrived(sha256: string): boolean {
  return kept(`arrived/${sha256}`) === true;
}

async function send({ sha256, use, size }: FileRef): Promise<void> {
  if (hasArrived(sha256)) {
    arrived[sha256] = size;
    return;
  }
  const bytes = await files.read(sha256);
  if (!bytes) throw new MissingFile();
  let { received, complete } = await asked(sha256, use);
  let setbacks = 0;
  while (!complete) {
    arrived[sha256] = received;
    const end = Math.min(received + PART_BYTES, bytes.byteLength);
    try {
      ({ received, complete } = progress(await sent(sha256, use, bytes, received, end), end));
    } catch (error) {
      // Another try of ours may have come through meanwhile: the service says where it stands.
      if (!(error instanceof Problem) || error.code !== "wrong_offset" || ++setbacks > 3) throw error;
      received = Number(error.extra.received) || 0;
    }
  }
  arrived[sha256] = size;
  keep(`arrived/${sha256}`, true);
}

function asked(sha256: string, use: FileRef["use"]) {
  return ask("get", ROUTES[use], { params: { sha256 } });
}

function sent(sha256: string, use: FileRef["use"], bytes: ArrayBuffer, first: number, end: number) {
  return ask("put", ROUTES[use], {
    params: { sha256 },
    bytes: bytes.slice(first, end),
    headers: { "Content-Range": `bytes ${first}-${end - 1}/${bytes.byteLength}` },
    timeout: 60_000,
  });
}

function progress(answer: Answer<(typeof ROUTES)[FileRef["use"]], "put">, end: number) {
  // A part is answered with how much has arrived, the last one with the finished file.
  return "received" in answer ? { received: answer.received, complete: answer.complete } : { received: end, complete: true };
}
