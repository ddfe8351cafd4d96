/** Screen readers. */
import type { ComponentInternalInstance } from "vue";

/** WeChat's own fields are read out with what stands before them. */
export function nameForReaders(_instance: ComponentInternalInstance | null, _name: string): void {}
