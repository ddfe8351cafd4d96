/** Long lists: the newest stay on the phone, older ones are read when somebody asks for more. */
import { computed, reactive } from "vue";

import { wordsOf } from "@/api/client";
import { shown, type Shown } from "@/core/answers";

export interface Page<T> {
  items: T[];
  /** Where the next page begins; null at the end. */
  next: string | null;
}

export interface Listed<T> {
  first: Shown<Page<T>>;
  items: T[];
  /** True while there are older ones on the service. */
  more: boolean;
  busy: boolean;
  /** Why older ones did not come, in words. */
  problem: string;
  refresh: () => Promise<void>;
  readOn: () => Promise<void>;
}

/** A list whose first page is kept under `name`; `load` reads the page that begins at a cursor. */
export function listed<T extends { id: string }>(name: string, load: (cursor?: string) => Promise<Page<T>>): Listed<T> {
  const first = shown<Page<T>>(name, () => load());
  // What follows the first page; `next` is undefined until something was read on.
  const rest = reactive<{ items: T[]; next: string | null | undefined }>({ items: [], next: undefined });

  const state = reactive({
    first,
    items: computed(() => [...(first.value?.items ?? []), ...rest.items]),
    more: computed(() => Boolean(rest.next === undefined ? first.value?.next : rest.next)),
    busy: false,
    problem: "",
    refresh,
    readOn,
  }) as unknown as Listed<T>;

  async function refresh(): Promise<void> {
    const before = state.items;
    await first.refresh();
    const { items, next } = merged(before, first.value, rest.next);
    rest.items = items as typeof rest.items;
    rest.next = next;
  }

  async function readOn(): Promise<void> {
    const cursor = rest.next === undefined ? first.value?.next : rest.next;
    if (!cursor || state.busy) return;
    state.busy = true;
    state.problem = "";
    try {
      const page = await load(cursor);
      const known = new Set(state.items.map((item) => item.id));
      rest.items.push(...(page.items.filter((item) => !known.has(item.id)) as typeof rest.items));
      rest.next = page.next;
    } catch (error) {
      state.problem = wordsOf(error);
    } finally {
      state.busy = false;
    }
  }
  return state;
}

/** What follows a first page that was read anew. Where it no longer touches what was there before, the list
 * begins afresh, because something between the two would be missing. */
export function merged<T extends { id: string }>(
  before: T[],
  first: Page<T> | undefined,
  next: string | null | undefined,
): { items: T[]; next: string | null | undefined } {
  const fresh = new Set((first?.items ?? []).map((item) => item.id));
  if (next === undefined || !before.some((item) => fresh.has(item.id))) return { items: [], next: undefined };
  return { items: before.filter((item) => !fresh.has(item.id)), next };
}
