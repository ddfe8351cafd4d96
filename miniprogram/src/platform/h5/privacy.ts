/** In a browser the person answers the browser itself when something is used. */
import type { Use } from "@/core/privacy";

export async function allowed(_use: Use): Promise<boolean> {
  return true;
}

export function openContract(): void {}
