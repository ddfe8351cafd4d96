/** Sends the queue: in order, each command once, whenever there is signal. */
import { computed, reactive, watch } from "vue";

import { type Answer, type Body, NoSignal, type Path, Problem, wordsOf } from "@/api/client";
import { deviceTime } from "@/core/clock";
import { dropDraft } from "@/core/drafts";
import { newId } from "@/core/ids";
import {
  after,
  type Cause,
  type Command,
  type FileRef,
  inOrder,
  isOver,
  nextOrder,
  nextToSend,
  type Outcome,
  outcomeOf,
  passedOn,
  pauseAfter,
  rebased,
  unlessDone,
} from "@/core/queue";
import { ask, session, signIn } from "@/core/session";
import { forget, keep, kept, namesOf } from "@/core/store";
import { MissingFile, upload } from "@/core/uploads";
import { SHARED } from "@platform/namespace";

const BEGINNING = "outbox/";
const NO_SIGNAL = "现在没有信号，有信号时会自动发送。";

/** `sending` is the id of the command under way; `stopped` says in words why nothing is being sent, and `cause`
 * which kind of reason that is, for the page that helps with it. */
export const outbox = reactive<{ commands: Command[]; sending: string; stopped: string; cause: Cause }>({
  commands: load(),
  sending: "",
  stopped: "",
  cause: "",
});

/** What was written by whoever uses the phone now, or before the phone knew whose it is. Of what others have
 * written here nobody reads anything. */
export const mine = computed(() => outbox.commands.filter((c) => !SHARED || !c.person || c.person === me()));
export const waiting = computed(() => mine.value.filter((c) => c.state === "waiting"));
export const refused = computed(() => mine.value.filter((c) => c.state === "refused"));

/** The commands about one thing, oldest first. */
export function about(thing: string): Command[] {
  return mine.value.filter((command) => command.about === thing);
}

/** Do `work` whenever one that `fits` waits no longer; for the set-up of a page that shows what it changes. */
export function whenSettled(fits: (command: Command) => boolean, work: () => unknown): void {
  watch(
    () => waiting.value.filter(fits).length,
    (now, before) => {
      if (now < before) void work();
    },
  );
}

function me(): string {
  return session.who?.person ?? "";
}

function load(): Command[] {
  const found = namesOf(BEGINNING).map((name) => kept<Command>(name));
  const commands = inOrder(found.filter((c): c is Command => c !== undefined));
  for (const old of commands.filter((c) => isOver(c, Date.now()))) forget(BEGINNING + old.id);
  return commands.filter((c) => !isOver(c, Date.now()));
}

function put(command: Command): boolean {
  show(command);
  return keep(BEGINNING + command.id, command);
}

function show(command: Command): void {
  const at = outbox.commands.findIndex((c) => c.id === command.id);
  if (at < 0) outbox.commands.push(command);
  else outbox.commands[at] = command;
}

/** Take a command out; a draft that it was written from stays. */
export function drop(command: Command): void {
  forget(BEGINNING + command.id);
  outbox.commands = outbox.commands.filter((c) => c.id !== command.id);
}

interface New<P extends Path> {
  /** The command's own id; made here when left out. A draft brings the id that it was given when it began, so
   * that two presses of its button are one command. */
  id?: string;
  title: string;
  about: string;
  path: P;
  params?: Record<string, string>;
  body: Body<P, "post">;
  base?: number | null;
  files?: FileRef[];
  /** The name of the draft that it was written from; it stays until the command is sent. */
  draft?: string;
}

/** Put a write into the queue and start sending; returns it as it was put. A second one with the same id
 * changes nothing. False when the phone has no room to keep it, in which case nothing was queued. */
export function enqueue<P extends Path>(write: New<P>): Command | false {
  const id = write.id ?? newId();
  const known = outbox.commands.find((c) => c.id === id);
  if (known && known.state !== "refused") return known;
  const command: Command = {
    id,
    person: me(),
    title: write.title,
    about: write.about,
    path: write.path,
    params: write.params ?? {},
    body: write.body ?? null,
    base: write.base ?? null,
    madeAt: deviceTime(),
    // One that was corrected keeps its place before what follows it.
    order: known?.order ?? nextOrder(outbox.commands),
    draft: write.draft ?? "",
    files: write.files ?? [],
    state: "waiting",
    tries: 0,
    reason: "",
    errors: [],
    clash: null,
    answer: null,
    endedAt: null,
  };
  // A refused one with the same id is still there when the phone has no room for the new one.
  if (!keep(BEGINNING + id, command)) return false;
  show(command);
  void run();
  return command;
}

/** Send a refused command again on top of what the service has now. False when the phone has no room for it,
 * in which case the refused one stays. */
export function sendAnyway(command: Command): boolean {
  const again = rebased(command, newId(), deviceTime());
  if (!keep(BEGINNING + again.id, again)) return false;
  show(again);
  drop(command);
  void run();
  return true;
}

/** Take a command out together with the draft that it was written from: its writer gave it up. */
export function giveUp(command: Command): void {
  drop(command);
  if (command.draft) dropDraft(command.draft);
  // What it held back can go on.
  void run();
}

/** Wait until a command has ended or cannot go on for now; what it is then, or null when it was taken out. */
export async function settled(id: string): Promise<Command | null> {
  await run();
  return outbox.commands.find((c) => c.id === id) ?? null;
}

let running: Promise<void> | null = null;
let timer: ReturnType<typeof setTimeout> | null = null;

/** Send what can be sent. Safe to call at any moment and as often as one likes. */
export function run(): Promise<void> {
  if (timer) clearTimeout(timer);
  timer = null;
  running ??= sendAll().finally(() => {
    running = null;
    // What was queued while the last one was on its way.
    if (!outbox.stopped && !timer && nextToSend(outbox.commands, me())) void run();
  });
  return running;
}

async function sendAll(): Promise<void> {
  outbox.stopped = "";
  outbox.cause = "";
  if (waiting.value.length === 0) return;
  if (!(await signIn())) {
    stop(session.refused || NO_SIGNAL, session.refused ? "session" : "signal", pauseAfter(0));
    return;
  }
  // Written before this phone knew whose it is, on a first start without signal; or before the service knew that
  // the person whose phone it is had been with it as another one.
  const person = me();
  for (const command of mine.value) if (command.person !== person) put({ ...command, person });
  const passed = new Set<string>();
  for (;;) {
    const command = nextToSend(outbox.commands, person, passed);
    if (!command) return;
    outbox.sending = command.id;
    const outcome = unlessDone(command, await tried(command));
    outbox.sending = "";
    const done = after(command, outcome, new Date().toISOString());
    // Its writer may have taken it out meanwhile.
    const stays = outbox.commands.some((c) => c.id === command.id);
    if (done.state === "sent") {
      // First those that follow: killed in between, the phone sends this one again and gets the same answer.
      for (const follower of passedOn(outbox.commands, done)) put(follower);
      if (done.draft) dropDraft(done.draft);
    }
    if (stays) put(done);
    if (outcome.kind === "wait") {
      passed.add(command.id);
      if (outcome.stop) {
        stop(outcome.reason, outcome.stop, outcome.after ?? pauseAfter(done.tries));
        return;
      }
      plan(outcome.after ?? pauseAfter(done.tries));
    }
  }
}

function stop(reason: string, cause: Cause, seconds: number): void {
  outbox.stopped = reason;
  outbox.cause = cause;
  plan(seconds);
}

function plan(seconds: number): void {
  if (timer) clearTimeout(timer);
  timer = setTimeout(() => void run(), seconds * 1000);
}

async function tried(command: Command): Promise<Outcome> {
  const headers: Record<string, string> = { "Idempotency-Key": command.id, "Fangpin-Device-Time": command.madeAt };
  if (command.base !== null) headers["If-Match"] = `"${command.base}"`;
  try {
    for (const file of command.files) await upload(file);
    const answer = await ask("post", command.path as "/api/intakes", {
      params: command.params,
      headers,
      body: (command.body ?? undefined) as Body<"/api/intakes", "post">,
    });
    return { kind: "sent", answer: (answer as Answer<"/api/intakes", "post"> | undefined) ?? null };
  } catch (error) {
    if (error instanceof NoSignal) return { kind: "wait", reason: NO_SIGNAL, stop: "signal" };
    if (error instanceof Problem) return outcomeOf(error);
    if (error instanceof MissingFile) return { kind: "refused", reason: error.title, errors: [], clash: null };
    return { kind: "wait", reason: wordsOf(error), stop: "" };
  }
}
