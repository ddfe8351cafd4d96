/** What can be ticked at the place of a report; before there is a place, what can be ticked anywhere. */
import { computed, type ComputedRef, reactive, shallowRef, watch } from "vue";

import { type Shown, shown } from "@/core/answers";
import { ask } from "@/core/session";

import type { Options } from "./form";

export function optionsAt(place: ComputedRef<string>) {
  const general = shown<Options>("form-options", () => ask("get", "/api/report-form"));
  const local = shallowRef<Shown<Options>>();

  watch(
    place,
    (id) => {
      local.value = id ? shown(`form-options/${id}`, () => ask("get", "/api/report-form", { query: { place: id } })) : undefined;
      void local.value?.refresh();
    },
    { immediate: true },
  );

  function refresh(): void {
    void general.refresh();
    void local.value?.refresh();
  }

  const value = computed(() => local.value?.value ?? general.value);
  return reactive({
    value,
    /** The version of the consent that holds there. */
    consent: computed(() => value.value?.consent.version ?? ""),
    busy: computed(() => general.busy),
    offline: computed(() => general.offline),
    problem: computed(() => general.problem),
    refresh,
  });
}
