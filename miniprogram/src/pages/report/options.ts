/** What can be ticked at the place of a report; before there is a place, what can be ticked anywhere. */
import { computed, type ComputedRef, reactive, shallowRef, watch } from "vue";

import type { Shown } from "@/core/answers";
import { optionsShown } from "@/core/options";

import type { Options } from "./form";

export function optionsAt(place: ComputedRef<string>) {
  const general = optionsShown();
  const local = shallowRef<Shown<Options>>();

  watch(
    place,
    (id) => {
      local.value = id ? optionsShown(id) : undefined;
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
