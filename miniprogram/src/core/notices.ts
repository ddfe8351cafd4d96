/** Consent to be told in WeChat how things go on. */
import { session } from "@/core/session";
import { askForNotices } from "@platform/notices";

/** Ask for it at a press that somebody will want to hear more of. */
export function consentToNotices(): Promise<void> {
  // What an older version kept of the person may lack the list.
  return askForNotices(session.who?.notices ?? []);
}
