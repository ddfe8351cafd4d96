/** The rules of the queue of writes: pure functions over commands; `core/outbox` does what they say.
 *
 * Every write of this phone is a command with an id of its own, so that sending it twice does it once. What
 * was written without signal waits here in order and survives the app's end.
 */
import type { FieldError } from "@/api/client";

/** A file that a command names by its hash; it has to be there before the command is sent. */
export interface FileRef {
  sha256: string;
  use: "photo" | "recording";
  size: number;
}

/** The version of a record that the service has now, told when the phone's was older. */
export interface Clash {
  state: string;
  version: number;
  text: string;
}

export interface Command {
  id: string;
  /** Whose command this is; a session of somebody else does not send it. */
  person: string;
  /** What it does, in words for its writer. */
  title: string;
  /** What it is about, for example `task:<id>`; commands about one thing go in order. */
  about: string;
  path: string;
  params: Record<string, string>;
  body: unknown;
  /** The record's version that the writer saw. */
  base: number | null;
  /** When the button was pressed, ISO 8601 with the phone's offset. */
  madeAt: string;
  /** Its place in the queue. A phone's clock may be set back; this only grows. */
  order: number;
  /** The draft that it was written from, which is dropped once the command is sent; empty without one. */
  draft: string;
  files: FileRef[];
  state: "waiting" | "sent" | "refused";
  tries: number;
  /** Why it still waits, or why it was refused, in words. */
  reason: string;
  errors: FieldError[];
  clash: Clash | null;
  answer: Record<string, unknown> | null;
  /** When it was sent or refused. */
  endedAt: string | null;
}

/** Why nothing can be sent for now: no signal, no session, too old a client, the service asks to wait; "" when
 * others can still be sent. */
export type Cause = "" | "signal" | "session" | "old" | "busy";

/** What came of a try; with a `stop` nothing else can be sent either. */
export type Outcome =
  | { kind: "sent"; answer: Record<string, unknown> | null }
  | { kind: "wait"; reason: string; stop: Cause; after?: number }
  | { kind: "refused"; reason: string; errors: FieldError[]; clash: Clash | null };

const SHORT_PAUSE_S = 5;
const LONG_PAUSE_S = 300;
const KEPT_DAYS = 7;
const DAY_MS = 24 * 3600 * 1000;

/** Commands in the order in which they were made. */
export function inOrder(commands: Command[]): Command[] {
  return [...commands].sort((a, b) => a.order - b.order);
}

/** The place of a new command: behind all others. */
export function nextOrder(commands: Command[]): number {
  return commands.reduce((last, command) => Math.max(last, command.order), 0) + 1;
}

/** The next command to send as `person`: the oldest that waits and does not follow a refused one about the
 * same thing, which its writer has to decide about first. */
export function nextToSend(commands: Command[], person: string, passed: ReadonlySet<string> = new Set()): Command | null {
  const held = new Set<string>();
  for (const command of inOrder(commands)) {
    if (command.person !== person || command.state === "sent") continue;
    if (command.state === "refused" || passed.has(command.id)) held.add(command.about);
    else if (!held.has(command.about)) return command;
  }
  return null;
}

/** A command after a try. What was sent keeps no content: the service has it. */
export function after(command: Command, outcome: Outcome, now: string): Command {
  switch (outcome.kind) {
    case "sent":
      return { ...command, state: "sent", body: null, reason: "", errors: [], clash: null, answer: outcome.answer, endedAt: now };
    case "wait":
      return { ...command, tries: command.tries + 1, reason: outcome.reason };
    case "refused":
      return { ...command, state: "refused", reason: outcome.reason, errors: outcome.errors, clash: outcome.clash, endedAt: now };
  }
}

/** The commands that saw the same version as one that was just sent, on top of the version which that one made:
 * whoever accepts and verifies without signal saw one version, and has changed it twice. */
export function passedOn(commands: Command[], sent: Command): Command[] {
  const made = sent.answer?.version;
  if (sent.base === null || typeof made !== "number") return [];
  return commands
    .filter((c) => c.state === "waiting" && c.about === sent.about && c.person === sent.person && c.base === sent.base && c.order > sent.order)
    .map((c) => ({ ...c, base: made }));
}

/** The version of a record after what this phone has sent since it showed `version` of it. */
export function versionAfter(commands: Command[], about: string, version: number): number {
  for (const { state, about: thing, base, answer } of inOrder(commands)) {
    if (state === "sent" && thing === about && base === version && typeof answer?.version === "number") version = answer.version;
  }
  return version;
}

/** To which state a step brings its record. */
const BRINGS_TO: Record<string, string> = { "/api/tasks/{id}/acceptance": "accepted" };

/** A step that was refused because its record is there already counts as done: the service tells it to nobody but
 * whose the record is, so that it was the same person on another phone. What follows goes on top of the record as
 * it is now, unless more has happened to it than this step. */
export function unlessDone(command: Command, outcome: Outcome): Outcome {
  if (outcome.kind !== "refused" || !outcome.clash || outcome.clash.state !== BRINGS_TO[command.path]) return outcome;
  const { state, version } = outcome.clash;
  const alone = command.base !== null && version <= command.base + 1;
  return { kind: "sent", answer: alone ? { state, version } : { state } };
}

/** What an answer of the service means for the queue. */
export function outcomeOf(problem: {
  status: number;
  code: string;
  title: string;
  errors: FieldError[];
  extra: Record<string, unknown>;
}): Outcome {
  const { status, title, errors, extra } = problem;
  if (status === 426) return { kind: "wait", reason: title, stop: "old" };
  if (status === 401) return { kind: "wait", reason: title, stop: "session" };
  if (status === 429 || status >= 500) {
    const given = Number(extra.retry_after);
    return { kind: "wait", reason: title, stop: status === 500 ? "" : "busy", after: Number.isFinite(given) ? given : undefined };
  }
  const current = extra.current as Partial<Clash> | undefined;
  const clash =
    status === 409 && current && typeof current.version === "number"
      ? { state: String(current.state ?? ""), version: current.version, text: String(current.text ?? "") }
      : null;
  return { kind: "refused", reason: title, errors, clash };
}

/** Seconds until the next try after `tries` without success. */
export function pauseAfter(tries: number): number {
  return Math.min(LONG_PAUSE_S, SHORT_PAUSE_S * 2 ** Math.min(tries, 10));
}

/** Whether a command has nothing more to tell: sent some days ago. */
export function isOver(command: Command, now: number): boolean {
  return command.state === "sent" && command.endedAt !== null && now - Date.parse(command.endedAt) > KEPT_DAYS * DAY_MS;
}

/** The same write again in its old place, on top of the version that the service has now: the writer saw both
 * and decided. */
export function rebased(command: Command, id: string, madeAt: string): Command {
  return {
    ...command,
    id,
    madeAt,
    base: command.clash?.version ?? command.base,
    state: "waiting",
    tries: 0,
    reason: "",
    errors: [],
    clash: null,
    endedAt: null,
  };
}
