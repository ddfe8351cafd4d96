/** Adding photos: taken or chosen, made small, kept on the phone. */
import { reactive } from "vue";

import { wordsOf } from "@/api/client";
import { keepFile } from "@/core/files";
import type { FileRef } from "@/core/queue";
import { choosePhotos, compress, type Source } from "@platform/camera";

/** Nine of them stay below 3 MB. */
export const PHOTO_BYTES = 320 * 1024;

/** Which of how many is being made small now; 0 of 0 while there is nothing to do. */
export const photoWork = reactive({ at: 0, of: 0 });

/** Ask for up to `most` photos; `added` is told of each as soon as it is kept. `problems` tells of those that could
 * not be added; both lists are empty when the person thought better of it. Call it when a button is pressed. */
export async function addPhotos(
  most: number,
  added: (photo: FileRef) => unknown = () => undefined,
): Promise<{ refs: FileRef[]; problems: string[] }> {
  const refs: FileRef[] = [];
  let chosen: Source[];
  try {
    chosen = await choosePhotos(most);
  } catch (error) {
    return { refs, problems: [wordsOf(error)] };
  }
  const problems = chosen.length > most ? [`还能加 ${most} 张，后面的 ${chosen.length - most} 张没有加。`] : [];
  const taken = chosen.slice(0, most);
  photoWork.of = taken.length;
  try {
    // One after the other: an open photo takes fifty megabytes.
    for (const [index, source] of taken.entries()) {
      photoWork.at = index + 1;
      try {
        const ref = await keepFile(await compress(source, PHOTO_BYTES), "photo");
        if (refs.some(({ sha256 }) => sha256 === ref.sha256)) continue;
        refs.push(ref);
        await added(ref);
      } catch (error) {
        problems.push(taken.length > 1 ? `第 ${index + 1} 张：${wordsOf(error)}` : wordsOf(error));
      }
    }
  } finally {
    photoWork.at = photoWork.of = 0;
  }
  return { refs, problems };
}
