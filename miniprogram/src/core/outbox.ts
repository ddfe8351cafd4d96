/** Sends the queue: in order, each command once, whenever there is signal. */
import { computed, reactive } from "vue";

import { type Answer, type Body, NoSignal, type Path, Problem, wordsOf } from "@/api/client";
import { deviceTime } from "@/core/clock";
import { newId } from "@/core/ids";
import { after, type Command, type FileRef, inOrder, isOver, nextToSend, type Outcome, outcomeOf, pauseAfter, rebased } from "@/core/queue";
import { ask, session, signIn } from "@/core/session";
import { forget, keep, kept, namesOf } from "@/core/store";
import { MissingFile, upload } from "@/core/uploads";

const BEGINNING = "outbox/";

/** `sending` is the id of the command under way; `stopped` says why nothing is being sent. */
export const outbox = reactive<{ commands: Command[]; sending: string; stopped: string }>({
  commands: load(),
  sending: "",
  stopped: "",
});

export const waiting = computed(() => outbox.commands.filter((c) => c.state === "waiting"));
export const refused = computed(() => outbox.commands.filter((c) => c.state === "refused"));

/** The commands about one thing, oldest first. */
export function about(thing: string): Command[] {
  return outbox.commands.filter((command) => command.about === thing);
}

function load(): Command[] {
  const found = namesOf(BEGINNING).map((name) => kept<Command>(name));
  const commands = inOrder(found.filter((c): c is Command => c !== undefined));
  for (const old of commands.filter((c) => isOver(c, Date.now()))) forget(BEGINNING + old.id);
  return commands.filter((c) => !isOver(c, Date.now()));
}

function put(command: Command): boolean {
  const ok = keep(BEGINNING + command.id, command);
  const at = outbox.commands.findIndex((c) => c.id === command.id);
  if (at < 0) outbox.commands.push(command);
  else outbox.commands[at] = command;
  return ok;
}

/** Take a command out: its writer gave it up, or it has become another one. */
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
}

/** Put a write into the queue and start sending; returns it as it was put. A second one with the same id
 * changes nothing. False when the phone has no room to keep it, in which case nothing was queued. */
export function enqueue<P extends Path>(write: New<P>): Command | false {
  const id = write.id ?? newId();
  const known = outbox.commands.find((c) => c.id === id);
  if (known && known.state !== "refused") return known;
  const command: Command = {
    id,
    person: session.who?.person ?? "",
    title: write.title,
    about: write.about,
    path: write.path,
    params: write.params ?? {},
    body: write.body ?? null,
    base: write.base ?? null,
    madeAt: deviceTime(),
    files: write.files ?? [],
    state: "waiting",
    tries: 0,
    reason: "",
    errors: [],
    clash: null,
    answer: null,
    endedAt: null,
  };
  if (!put(command)) {
    drop(command);
    return false;
  }
  void run();
  return command;
}

/** Send a refused command again on top of what the service has now. */
export function sendAnyway(command: Command): void {
  const again = rebased(command, newId(), deviceTime());
  if (put(again)) drop(command);
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
    if (!outbox.stopped && !timer && nextToSend(outbox.commands, session.who?.person ?? "")) void run();
  });
  return running;
}

async function sendAll(): Promise<void> {
  outbox.stopped = "";
  if (waiting.value.length === 0) return;
  if (!(await signIn())) {
    stop(session.refused || "现在没有信号，有信号时会自动发送。", 0);
    return;
  }
  // Written before this phone knew whose it is: on a first start without signal.
  const me = session.who?.person ?? "";
  for (const command of waiting.value) if (!command.person) put({ ...command, person: me });
  const passed = new Set<string>();
  for (;;) {
    const command = nextToSend(outbox.commands, me, passed);
    if (!command) return;
    outbox.sending = command.id;
    const outcome = await tried(command);
    outbox.sending = "";
    const done = after(command, outcome, new Date().toISOString());
    // Its writer may have taken it out meanwhile.
    if (outbox.commands.some((c) => c.id === command.id)) put(done);
    if (outcome.kind === "wait") {
      passed.add(command.id);
      plan(outcome.after ?? pauseAfter(done.tries));
      if (outcome.stop) {
        outbox.stopped = outcome.reason;
        return;
      }
    }
  }
}

function stop(reason: string, tries: number): void {
  outbox.stopped = reason;
  plan(pauseAfter(tries));
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
    if (error instanceof NoSignal) return { kind: "wait", reason: "现在没有信号，有信号时会自动发送。", stop: true };
    if (error instanceof Problem) return outcomeOf(error);
    if (error instanceof MissingFile) return { kind: "refused", reason: error.title, errors: [], clash: null };
    return { kind: "wait", reason: wordsOf(error), stop: false };
  }
}
