/** Answers of the service that stay on the phone, so that a page shows at once what it showed last. */
import { reactive } from "vue";

import { NoSignal, Problem, wordsOf } from "@/api/client";
import { forget, keep, kept } from "@/core/store";

interface Kept<T> {
  value: T;
  at: string;
}

export interface Shown<T> {
  /** What there is to show; undefined before anything was ever read. */
  value: T | undefined;
  /** When it was read, ISO 8601. */
  at: string;
  busy: boolean;
  /** True when the last try failed for want of signal, and `value` is what the phone kept. */
  offline: boolean;
  /** Why there is nothing new, in words; empty when all is well. */
  problem: string;
  refresh: () => Promise<void>;
}

/** Show what the phone has under `name` and read it anew with `load`. */
export function shown<T>(name: string, load: () => Promise<T>): Shown<T> {
  const before = kept<Kept<T>>(`answers/${name}`);
  const state = reactive({
    value: before?.value,
    at: before?.at ?? "",
    busy: false,
    offline: false,
    problem: "",
    refresh,
  }) as Shown<T>;

  async function refresh(): Promise<void> {
    state.busy = true;
    try {
      const value = await load();
      state.value = value;
      state.at = keepRead(name, value);
      state.offline = false;
      state.problem = "";
    } catch (error) {
      state.offline = error instanceof NoSignal;
      state.problem = wordsOf(error);
      if (error instanceof Problem && error.status === 404) {
        // It is no longer this person's to see, on the phone neither.
        state.value = undefined;
        forget(`answers/${name}`);
      }
    } finally {
      state.busy = false;
    }
  }
  return state;
}

/** What the phone kept under `name`, without asking the service. */
export function lastShown<T>(name: string): T | undefined {
  return kept<Kept<T>>(`answers/${name}`)?.value;
}

/** When that was read; empty when there is nothing. */
export function lastRead(name: string): string {
  return kept<Kept<unknown>>(`answers/${name}`)?.at ?? "";
}

/** Keep what was read just now for the page that shows it, perhaps where there is no signal; when that was. */
export function keepRead(name: string, value: unknown): string {
  const at = new Date().toISOString();
  keep(`answers/${name}`, { value, at });
  return at;
}
