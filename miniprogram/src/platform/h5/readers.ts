/** Screen readers. */
import type { ComponentInternalInstance } from "vue";

/** uni-app draws its own field around the browser's, which has no name of its own. */
export function nameForReaders(instance: ComponentInternalInstance | null, name: string): void {
  const root = instance?.proxy?.$el as HTMLElement | undefined;
  root?.querySelectorAll?.("input, textarea").forEach((field) => field.setAttribute("aria-label", name));
}
