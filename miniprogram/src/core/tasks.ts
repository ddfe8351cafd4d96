/** A cadre's tasks: how each stands, with what this phone has written about it and not sent yet; and taking
 * everything along to where there is no signal. */
import { reactive } from "vue";

import { NoSignal, Problem, type Schema } from "@/api/client";
import { keepRead, lastRead, shown, type Shown } from "@/core/answers";
import { untilDue } from "@/core/clock";
import { hasDraft } from "@/core/drafts";
import { listed, type Listed, type Page } from "@/core/lists";
import { GENERAL, loadOptions } from "@/core/options";
import { about } from "@/core/outbox";
import { takeThumbnail, voiceOf } from "@/core/pictures";
import { type Command, versionAfter } from "@/core/queue";
import { ask } from "@/core/session";
import { forget, namesOf } from "@/core/store";
import { TASK_STATES, type Word, wordOf } from "@/core/words";

export type TaskLine = Schema<"TaskLineShape">;
export type Task = Schema<"TaskShape">;

const DAY_MS = 24 * 3600 * 1000;

/** What commands about a task are about. */
export function thingOf(id: string): string {
  return `task:${id}`;
}

export function verificationDraft(id: string): string {
  return `verify/${id}`;
}

export function tasks(state: "live" | "done"): Listed<TaskLine> {
  const query = state === "done" ? { state } : {};
  const load = (cursor?: string) => ask("get", "/api/tasks", { query: { ...query, cursor, limit: 40 } }) as Promise<Page<TaskLine>>;
  return listed<TaskLine>(`tasks/${state}`, load);
}

function load(id: string): Promise<Task> {
  return ask("get", "/api/tasks/{id}", { params: { id } });
}

export function taskShown(id: string): Shown<Task> {
  return shown<Task>(`task/${id}`, () => load(id));
}

// --- how a task stands -------------------------------------------------------------------------------

/** What this phone has written about a task: still under way, refused, or sent since the task was read. */
export interface Own {
  accepted: boolean;
  verified: boolean;
  waiting: Command | undefined;
  refused: Command | undefined;
}

export function ownOf(task: TaskLine): Own {
  const commands = about(thingOf(task.id));
  const newer = (command: Command) => Number(command.answer?.version ?? 0) > task.version;
  const counts = (ending: string) =>
    commands.some((c) => c.path.endsWith(ending) && (c.state === "waiting" || (c.state === "sent" && newer(c))));
  return {
    accepted: counts("/acceptance"),
    verified: counts("/verification"),
    waiting: commands.find((c) => c.state === "waiting"),
    refused: commands.find((c) => c.state === "refused"),
  };
}

/** The version of a task after what this phone has sent since it showed `version` of it. */
export function versionSince(id: string, version: number): number {
  return versionAfter(about(thingOf(id)), thingOf(id), version);
}

/** The version of a task that the cadre has before them, with what they have sent since it was read. */
export function versionOf(task: TaskLine): number {
  return versionSince(task.id, task.version);
}

export function isLive(task: TaskLine): boolean {
  return task.state === "open" || task.state === "accepted";
}

/** Until when something has to be done, in words and colour. The colour follows the service's rule, since the
 * time goes on where there is no signal: late by a day or nobody's is red, late or due within a day orange. */
export function dueOf(task: TaskLine, own: Own, now: number = Date.now()): Word {
  const open = task.state === "open" && !own.accepted;
  const due = open ? task.accept_due_at : task.due_at;
  const left = Date.parse(due) - now;
  const kind = left <= -DAY_MS || !task.assigned ? "bad" : left <= DAY_MS ? "warn" : "plain";
  return { word: `${open ? "接单" : "上门"}${untilDue(due, now)}`, kind };
}

/** A task in a few words, the most urgent first. */
export function tagsOf(task: TaskLine, own: Own, now: number = Date.now()): Word[] {
  const tags: Word[] = [];
  if (task.green_channel) tags.push({ word: "绿色通道", kind: "bad" });
  if (isLive(task)) tags.push(dueOf(task, own, now));
  if (!task.assigned) tags.push({ word: "还没有人负责", kind: "bad" });
  else tags.push(own.accepted && task.state === "open" ? wordOf(TASK_STATES, "accepted") : wordOf(TASK_STATES, task.state));
  if (task.assigned && !task.mine) tags.push({ word: "别人负责", kind: "plain" });
  if (task.unmet) tags.push({ word: `第 ${task.unmet} 次没见到人`, kind: "warn" });
  if (own.waiting) tags.push({ word: "待发送", kind: "warn" });
  if (own.refused) tags.push({ word: "没有被接收", kind: "bad" });
  return tags;
}

// --- taking along ------------------------------------------------------------------------------------

const TAKEN_MOST = 40;
const FRESH_MS = 10 * 60_000;

/** How many of the tasks can be read and filled in without signal. */
export const taken = reactive({ count: 0, busy: false });

/** Read the details and the small pictures of these tasks ahead, one after the other; whoever has to go comes
 * first. What could not be read now is tried at the next chance. */
export async function takeAlong(lines: TaskLine[], all: boolean): Promise<void> {
  if (taken.busy) return;
  taken.busy = true;
  const wanted = [...lines.filter((t) => t.mine), ...lines.filter((t) => !t.mine)].slice(0, TAKEN_MOST);
  const count = () => (taken.count = wanted.filter((t) => lastRead(`task/${t.id}`)).length);
  try {
    if (all) leave(new Set(lines.map((line) => line.id)));
    count();
    if (isOld(GENERAL)) keepRead(GENERAL, await loadOptions());
    for (const { id } of wanted) {
      // What a household adds leaves the task's version as it is, so that only the age tells.
      if (!isOld(`task/${id}`)) continue;
      await take(id);
      count();
    }
  } catch (error) {
    if (!(error instanceof NoSignal) && !(error instanceof Problem)) throw error;
  } finally {
    taken.busy = false;
  }
}

function isOld(name: string): boolean {
  const at = lastRead(name);
  return !at || Date.now() - Date.parse(at) > FRESH_MS;
}

async function take(id: string): Promise<void> {
  const task = await unlessGone(load(id));
  // It has gone to somebody else since the list was read.
  if (!task) return;
  const photos = [...task.photos, ...task.additions.flatMap((addition) => addition.photos)];
  for (const photo of photos) await unlessGone(takeThumbnail(task.intake, photo.id));
  if (task.voice) await unlessGone(voiceOf(task.intake));
  for (const addition of task.additions) if (addition.voice) await unlessGone(voiceOf(task.intake, addition.id));
  // Kept last: what is counted as taken along is complete.
  keepRead(`task/${id}`, task);
}

async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return undefined;
    throw error;
  }
}

/** Forget what was kept of tasks that are no longer to be done: it is about other people. */
function leave(live: ReadonlySet<string>): void {
  const beginning = "answers/task/";
  for (const name of namesOf(beginning)) {
    const id = name.slice(beginning.length);
    if (!live.has(id) && !about(thingOf(id)).some((c) => c.state !== "sent") && !hasDraft(verificationDraft(id))) forget(name);
  }
}
