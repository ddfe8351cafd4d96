/** What stays on the phone when the app is closed: small values by name. Pictures are in `platform/files`. */
import { reactive } from "vue";

import { Trouble } from "@/core/trouble";
import { NAMESPACE, SHARED } from "@platform/namespace";

const PREFIX = `fangpin/${NAMESPACE}`;
/** How the names begin of what was read from the service, or remembered of what was sent to it. */
const READ = ["answers/", "inbox/", "picture/", "reported/"];
/** How the names begin of what nobody but its owner sees. */
const OWNED = ["draft/", ...READ];
/** Whose that is: a person's id, empty before anybody has signed in. */
let owner = "";

function keyOf(name: string, whose: string = owner): string {
  const owned = whose !== "" && OWNED.some((beginning) => name.startsWith(beginning));
  return PREFIX + (owned ? `person/${whose}/` : "") + name;
}

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
    uni.setStorageSync(keyOf(name), JSON.stringify(value));
    room.full = false;
    return true;
  } catch {
    room.full = true;
    return false;
  }
}

export function kept<T>(name: string): T | undefined {
  const text: unknown = uni.getStorageSync(keyOf(name));
  if (typeof text !== "string" || text === "") return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

export function forget(name: string): void {
  uni.removeStorageSync(keyOf(name));
}

/** The names of what is kept that begin with `beginning`. */
export function namesOf(beginning: string): string[] {
  const start = keyOf(beginning);
  return keys()
    .filter((key) => key.startsWith(start))
    .map((key) => beginning + key.slice(start.length));
}

function keys(): string[] {
  return uni.getStorageInfoSync().keys;
}

// --- whose it is -------------------------------------------------------------------------------------

/** Whether what is open now is somebody else's, or knows nothing of what `person` has left here. */
export function isOthers(person: string): boolean {
  if (!SHARED || owner === person) return false;
  return owner !== "" || keys().some((key) => key.startsWith(`${PREFIX}person/${person}/`));
}

/** From now on read and keep what is `person`'s. What was written before anybody had signed in goes over to them. */
export function belongTo(person: string): void {
  if (!SHARED || person === owner) return;
  for (const name of owner ? [] : OWNED.flatMap(namesOf)) {
    // What they have left here themselves comes first.
    if (keys().includes(keyOf(name, person))) continue;
    try {
      uni.setStorageSync(keyOf(name, person), uni.getStorageSync(keyOf(name)));
      forget(name);
    } catch {
      room.full = true;
    }
  }
  owner = person;
}

/** Forget what the service has still. */
export function forgetRead(): void {
  for (const name of READ.flatMap(namesOf)) forget(name);
}

/** What is kept under names that begin so, whosever it is, as its text. */
export function everybodys(beginning: string): string[] {
  const [start, others] = [keyOf(beginning, ""), `${PREFIX}person/`];
  return keys()
    .filter((key) => key.startsWith(start) || (key.startsWith(others) && key.slice(others.length).replace(/^[^/]*\//, "").startsWith(beginning)))
    .map((key) => String(uni.getStorageSync(key)));
}
