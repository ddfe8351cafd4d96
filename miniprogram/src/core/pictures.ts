/** Pictures and voice notes of the service, kept on the phone once they were seen or heard. */
import type { Path } from "@/api/client";
import { ask } from "@/core/session";
import { forget, keep, kept, namesOf } from "@/core/store";
import { files } from "@platform/files";

const BEGINNING = "picture/";

/** The address of a photo of a report for `<image :src>`; raises what `ask` raises when it has to be fetched. */
export async function photoOf(intake: string, photo: string, size: "thumbnail" | "full"): Promise<string> {
  return files.addressOf(await take(intake, photo, size));
}

/** Have a small picture on the phone for where there is no signal. */
export async function takeThumbnail(intake: string, photo: string): Promise<void> {
  await take(intake, photo, "thumbnail");
}

function take(intake: string, photo: string, size: "thumbnail" | "full"): Promise<string> {
  const query = size === "thumbnail" ? { size } : {};
  return fetched(`${photo}/${size}`, "/api/intakes/{id}/photos/{photo}", { id: intake, photo }, query);
}

/** The hash under which a voice note lies on this phone now: that of a report, or of an addition to it. */
export function voiceOf(intake: string, addition = ""): Promise<string> {
  return addition
    ? fetched(`${addition}/voice`, "/api/intakes/{id}/additions/{addition}/voice", { id: intake, addition })
    : fetched(`${intake}/voice`, "/api/intakes/{id}/voice", { id: intake });
}

async function fetched(name: string, path: Path, params: Record<string, string>, query = {}): Promise<string> {
  const known = kept<string>(BEGINNING + name);
  if (known && (await files.read(known))) return known;
  const bytes = (await ask("get", path as "/api/intakes/{id}/voice", {
    params,
    query,
    responseType: "arraybuffer",
    timeout: 60_000,
  })) as unknown as ArrayBuffer;
  const { sha256 } = await files.put(bytes);
  keep(BEGINNING + name, sha256);
  return sha256;
}

/** How many are kept, and dropping them all. */
export function countPictures(): number {
  return namesOf(BEGINNING).length;
}

export async function dropPictures(): Promise<void> {
  for (const name of namesOf(BEGINNING)) {
    const sha256 = kept<string>(name);
    if (sha256) await files.drop(sha256);
    forget(name);
  }
}
