/** How large the letters are: one touch, remembered. */
import { reactive } from "vue";

import { keep, kept } from "@/core/store";

export const look = reactive({ large: kept<boolean>("large") ?? false });

export function toggleLarge(): void {
  look.large = !look.large;
  keep("large", look.large);
}
