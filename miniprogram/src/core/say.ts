/** A word in passing, at the bottom of whatever page is shown. What somebody has to act on stands in the page. */
import { reactive } from "vue";

const SHOWN_MS = 4000;

/** `words` is empty while there is nothing to say. */
export const saying = reactive({ words: "" });
let timer: ReturnType<typeof setTimeout> | null = null;

export function say(words: string): void {
  if (timer) clearTimeout(timer);
  saying.words = words;
  timer = setTimeout(() => {
    saying.words = "";
  }, SHOWN_MS);
}
