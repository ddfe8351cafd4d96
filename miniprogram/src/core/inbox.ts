/** The messages: what came since the person last looked, and which page each is about. */
import type { Schema } from "@/api/client";
import { listed, type Page } from "@/core/lists";
import { open, type PageName } from "@/core/pages";
import { ask } from "@/core/session";
import { keep, kept } from "@/core/store";

export type Message = Schema<"MessageShape">;

const LOOKED = "inbox/looked";

/** When the person last looked; messages are newer or older than that. */
export function lookedAt(): string {
  return kept<string>(LOOKED) ?? "";
}

export function lookedNow(newest: string | undefined): void {
  if (newest && isNew({ at: newest }, lookedAt())) keep(LOOKED, newest);
}

export function isNew(message: { at: string }, looked: string): boolean {
  return !looked || Date.parse(message.at) > Date.parse(looked);
}

export function messages() {
  return listed<Message>("inbox", (cursor) => ask("get", "/api/inbox", { query: { cursor } }) as Promise<Page<Message>>);
}

/** Our pages by the names that messages give them; a name of a later version opens nothing. */
const PAGES: Record<string, PageName> = { report: "one", task: "task", tasks: "tasks", corrections: "tasks" };

export function leadsOn(message: Message): boolean {
  return message.page.name in PAGES;
}

export function openAbout(message: Message): void {
  const name = PAGES[message.page.name];
  if (name) open(name, message.page.id ? { id: message.page.id } : {});
}
