/** What somebody is filling in: kept on the phone at every change, so that closing the app loses nothing. */
import { effectScope, type EffectScope, reactive, watch } from "vue";

import { forget, keep, kept, namesOf } from "@/core/store";

const BEGINNING = "draft/";

interface Open {
  draft: object;
  scope: EffectScope;
}
const open = new Map<string, Open>();

/** The draft of this name: as the phone kept it, or a new one. Everybody who asks gets the same one.
 *
 * It is kept from its first change on, so that a form that was only looked at leaves nothing behind. */
export function draftOf<T extends object>(name: string, empty: () => T): T {
  const known = open.get(name);
  if (known) return known.draft as T;
  // A newer version of the app may ask more than the one that kept the draft.
  const draft = reactive({ ...empty(), ...kept<T>(BEGINNING + name) }) as T;
  follow(name, draft);
  return draft;
}

function follow(name: string, draft: object): void {
  // The draft outlives the page that opened it, and so does its watcher.
  const scope = effectScope(true);
  scope.run(() => watch(draft, () => keep(BEGINNING + name, draft), { deep: true }));
  open.set(name, { draft, scope });
}

/** Whether something was begun under this name. */
export function hasDraft(name: string): boolean {
  return kept(BEGINNING + name) !== undefined;
}

/** The names of the kept drafts that begin with `beginning`. */
export function draftsOf(beginning: string): string[] {
  return namesOf(BEGINNING + beginning).map((name) => name.slice(BEGINNING.length));
}

export function dropDraft(name: string): void {
  open.get(name)?.scope.stop();
  open.delete(name);
  forget(BEGINNING + name);
}

/** Keep a draft under another name from now on; false when the phone has no room, and all is as before. */
export function renameDraft(from: string, to: string): boolean {
  const draft = open.get(from)?.draft ?? kept<object>(BEGINNING + from);
  if (from === to || !draft) return true;
  if (!keep(BEGINNING + to, draft)) return false;
  const wasOpen = open.has(from);
  dropDraft(from);
  if (wasOpen) follow(to, draft);
  return true;
}
