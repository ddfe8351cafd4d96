/** Photos and recordings go up before the write that names them, in parts, and go on where they stopped. */
import { reactive } from "vue";

import { type Answer, Problem, wordsOf } from "@/api/client";
import type { FileRef } from "@/core/queue";
import { ask, session } from "@/core/session";
import { Trouble } from "@/core/trouble";
import { files } from "@platform/files";

/** Small enough to get through a poor connection before it breaks. */
export const PART_BYTES = 128 * 1024;
const PART_TIMEOUT_MS = 60_000;
const ROUTES = { photo: "/api/photos/{sha256}", recording: "/api/recordings/{sha256}" } as const;
/** Answers that brought a file no further. */
const SETBACKS_MOST = 3;

type Route = (typeof ROUTES)[FileRef["use"]];
interface Standing {
  received: number;
  complete: boolean;
}

/** How many bytes of each file have arrived, by hash. */
export const arrived = reactive<Record<string, number>>({});
/** Why the last try of a file failed, in words, by hash. */
export const failed = reactive<Record<string, string>>({});

/** The file is no longer on this phone. */
export class MissingFile extends Trouble {
  constructor() {
    super("有一张照片或一段录音已不在手机上，请重新添加后再提交。");
  }
}

const underWay = new Map<string, Promise<void>>();
/** What is known to be on the service, by person: each has to bring their own. Only while the app is open, for
 * the service may forget what no report names. */
const done = new Set<string>();

/** Have a file on the service. Raises what `ask` raises, and `MissingFile`. */
export function upload(file: FileRef): Promise<void> {
  const { sha256 } = file;
  const known = underWay.get(sha256);
  if (known) return known;
  delete failed[sha256];
  const work = send(file)
    .catch((error) => {
      failed[sha256] = wordsOf(error);
      throw error;
    })
    .finally(() => underWay.delete(sha256));
  underWay.set(sha256, work);
  return work;
}

let last: Promise<void> = Promise.resolve();

/** Begin to send a file while its form is still being filled in, after those that were begun before. What does
 * not get through now goes up with the form. */
export function uploadSoon(file: FileRef): void {
  if (!session.token) return;
  last = last.then(() => upload(file)).catch(() => undefined);
}

async function send({ sha256, use, size }: FileRef): Promise<void> {
  const mine = () => `${session.who?.person ?? ""}/${sha256}`;
  if (done.has(mine())) return;
  const bytes = await files.read(sha256);
  if (!bytes) throw new MissingFile();
  let at: Standing = await ask("get", ROUTES[use], { params: { sha256 } });
  for (let setbacks = 0; !at.complete; ) {
    arrived[sha256] = at.received;
    const before = at.received;
    at = await sent(ROUTES[use], sha256, bytes, before);
    if (!at.complete && at.received <= before && ++setbacks > SETBACKS_MOST) {
      throw new Trouble("照片或录音没有传上去，请稍后再试。");
    }
  }
  arrived[sha256] = size;
  done.add(mine());
}

/** Send the part that begins at `first`; where the file stands then. */
async function sent(route: Route, sha256: string, bytes: ArrayBuffer, first: number): Promise<Standing> {
  const end = Math.min(first + PART_BYTES, bytes.byteLength);
  try {
    const answer: Answer<Route, "put"> = await ask("put", route, {
      params: { sha256 },
      bytes: bytes.slice(first, end),
      headers: { "Content-Range": `bytes ${first}-${end - 1}/${bytes.byteLength}` },
      timeout: PART_TIMEOUT_MS,
    });
    // A part is answered with how much has arrived, the last one with the finished file.
    return "received" in answer ? answer : { received: end, complete: true };
  } catch (error) {
    // Another try of ours came through meanwhile, or the service has forgotten what it had.
    if (!(error instanceof Problem) || error.code !== "wrong_offset") throw error;
    return { received: Number(error.extra.received) || 0, complete: false };
  }
}
