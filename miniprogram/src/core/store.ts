/** What stays on the phone when the app is closed: small values by name. Pictures are in `platform/files`. */
import { reactive } from "vue";

import { Trouble } from "@/core/trouble";
import { NAMESPACE } from "@platform/namespace";

const PREFIX = `fangpin/${NAMESPACE}`;

/** True after the phone refused to keep something; the pages say so and what to do. */
export const room = reactive({ full: false });

/** A photo or a recording does not fit on the phone any more. */
export class StorageFull extends Trouble {
  constructor() {
    super("手机存储空间满了，存不下了。请删除一些不用的照片或视频，再回来重试。已填写的内容还在。");
    room.full = true;
  }
}

export function keep(name: string, value: unknown): boolean {
  try {
    uni.setStorageSync(PREFIX + name, JSON.stringify(value));
    room.full = false;
    return true;
  } catch {
    room.full = true;
    return false;
  }
}

export function kept<T>(name: string): T | undefined {
  const text: unknown = uni.getStorageSync(PREFIX + name);
  if (typeof text !== "string" || text === "") return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

export function forget(name: string): void {
  uni.removeStorageSync(PREFIX + name);
}

/** The names of what is kept that begin with `beginning`. */
export function namesOf(beginning: string): string[] {
  const start = PREFIX + beginning;
  return uni
    .getStorageInfoSync()
    .keys.filter((key) => key.startsWith(start))
    .map((key) => key.slice(PREFIX.length));
}
