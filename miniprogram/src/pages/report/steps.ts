/** Going through a report's steps: which is shown, and what is wrong at it. */
import { computed, type ComputedRef, ref, type ShallowRef } from "vue";

import type { Command } from "@/core/queue";

import { LAST, questionOf, type ReportDraft, stepOf, STEPS, type Wrong, wrongAt } from "./form";

/** `consent` is the version of the consent that holds at the report's place. */
export function stepsOf(draft: ShallowRef<ReportDraft | undefined>, consent: ComputedRef<string>) {
  const step = computed(() => draft.value?.step ?? 0);
  /** Whether somebody wanted to go on from here; nothing is found fault with before. */
  const tried = ref(false);
  /** Steps are looked over again one by one only on the first way through. */
  const correcting = ref(false);
  /** What the service did not accept, by the question, and its words about the whole. */
  const refusedWrong = ref<Wrong>({});
  const refusedWords = ref("");

  const wrongHere = computed<Wrong>(() => (draft.value && tried.value ? wrongAt(step.value, draft.value, consent.value) : {}));
  const wrong = computed<Wrong>(() => ({ ...refusedWrong.value, ...wrongHere.value }));
  /** The first thing that is wrong, beside the button that was pressed: its question may be out of sight. */
  const said = computed(() => Object.values(wrongHere.value)[0] ?? "");

  function change(given: Partial<ReportDraft>): void {
    if (!draft.value) return;
    Object.assign(draft.value, given);
    takeBack((question) => question in given);
  }

  /** These questions have been put right since the service spoke of them. */
  function takeBack(isRight: (question: string) => boolean): void {
    const left = Object.entries(refusedWrong.value).filter(([question]) => !isRight(question));
    refusedWrong.value = Object.fromEntries(left);
  }

  function go(to: number): void {
    if (!draft.value) return;
    tried.value = false;
    draft.value.step = to;
    uni.pageScrollTo({ scrollTop: 0, duration: 0 });
  }

  function edit(to: number): void {
    correcting.value = true;
    go(to);
  }

  /** Whether nothing is wrong at a step; shows it otherwise. */
  function passes(at: number): boolean {
    if (!draft.value) return false;
    if (!Object.keys(wrongAt(at, draft.value, consent.value)).length) return true;
    if (at !== step.value) edit(at);
    tried.value = true;
    return false;
  }

  function next(): void {
    if (!passes(step.value)) return;
    takeBack((question) => stepOf(question) === step.value);
    go(correcting.value ? LAST : step.value + 1);
  }

  /** Whether nothing is wrong at any step. */
  function passesAll(): boolean {
    return STEPS.every((_, at) => passes(at));
  }

  /** Show what the service did not take, with its words. */
  function returned({ reason, errors }: Command): void {
    refusedWords.value = reason;
    refusedWrong.value = Object.fromEntries(errors.map(({ field, message }) => [questionOf(field), message]));
    edit(errors[0] ? stepOf(errors[0].field) : LAST);
  }

  /** Nothing of what was refused holds any more; `words` say what else stands in the way. */
  function clear(words = ""): void {
    refusedWrong.value = {};
    refusedWords.value = words;
  }

  return { step, correcting, refusedWords, wrong, said, change, go, edit, next, passesAll, returned, clear };
}
