/** What lies on this phone of whoever uses it, and taking it away. */
import { dropDraft, draftsOf } from "@/core/drafts";
import { sweep } from "@/core/files";
import { drop, mine } from "@/core/outbox";
import { countPictures, dropPictures } from "@/core/pictures";
import { forgetRead as forgetNames, namesOf } from "@/core/store";

export interface Contents {
  drafts: number;
  /** Written, and not with the service yet: nobody else has it. */
  unsent: number;
  pages: number;
  pictures: number;
}

export function contents(): Contents {
  return {
    drafts: draftsOf("").length,
    unsent: mine.value.filter((command) => command.state !== "sent").length,
    pages: namesOf("answers/").length,
    pictures: countPictures(),
  };
}

/** Forget what was read from the service, which has it still. */
export async function forgetRead(): Promise<void> {
  await dropPictures();
  forgetNames();
}

/** Take away all that this phone keeps but the session and how large the letters are. */
export async function clearPhone(): Promise<void> {
  for (const name of draftsOf("")) dropDraft(name);
  for (const command of mine.value) drop(command);
  await forgetRead();
  // Photos and recordings that the drafts and writes named.
  await sweep(0);
}
