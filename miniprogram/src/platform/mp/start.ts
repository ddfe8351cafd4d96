/** What the mini program needs once, when it starts. */
import { watchPrivacy } from "./privacy";

export function prepare(): void {
  watchPrivacy();
  const updates = uni.getUpdateManager();
  // A new version is taken at the next opening, so that nobody loses the page they are on.
  updates.onUpdateReady(() => undefined);
}

/** Begin anew at a page, with nothing open below it. */
export function restart(page: string): void {
  uni.reLaunch({ url: page });
}
