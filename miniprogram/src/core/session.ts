/** Who uses this phone: the session, and what it says about the person. */
import { computed, reactive } from "vue";

import { type Answer, type Body, call, NoSignal, type Options, type Path, Problem, type Schema, type Verb } from "@/api/client";
import { here } from "@/core/pages";
import { belongTo, forgetRead, isOthers, keep, kept } from "@/core/store";
import { freshSession } from "@platform/login";
import { restart } from "@platform/start";

export type Who = Omit<Schema<"SessionShape">, "token" | "expires_in">;
type State = { token: string; who: Who | null; refused: string };

const NAME = "session";
const LEFT = "您已退出登录。要继续使用，请点“重新登录”。";
const saved = kept<{ token: string; who: Who | null; left?: boolean }>(NAME);

/** `refused` says why signing in did not work; it is empty while all is well. */
export const session = reactive<State>({
  token: saved?.token ?? "",
  who: saved?.who ?? null,
  refused: saved?.left ? LEFT : "",
});
if (saved?.who) belongTo(saved.who.person);
/** True after the person said no or went: nobody is asked again before they press for it. */
let declined = Boolean(saved?.left);

export const isStaff = computed(() => Boolean(session.who?.staff));

/** Whether the person has one of these roles anywhere. */
export function hasRole(...roles: string[]): boolean {
  return Boolean(session.who?.grants.some((grant) => roles.includes(grant.role)));
}

export function accept(answer: Schema<"SessionShape">): void {
  const { token, expires_in: _, ...who } = answer;
  belongTo(who.person);
  session.token = token;
  session.who = who;
  session.refused = "";
  keep(NAME, { token, who });
}

/** Somebody else begins to use this phone, or comes back to what they left here. What is open and was read is not
 * theirs, so that all begins anew; the promise never settles. */
function handOver(answer: Schema<"SessionShape">): Promise<never> {
  const { token, expires_in: _, ...who } = answer;
  forgetRead();
  keep(NAME, { token, who });
  restart(here());
  return new Promise(() => undefined);
}

export function signOut(): void {
  session.token = "";
  keep(NAME, { token: "", who: session.who });
}

/** End the session for good, at the person's wish; it is ended on the service too where that can be reached. */
export async function leave(): Promise<void> {
  const { token } = session;
  session.token = "";
  session.who = null;
  session.refused = LEFT;
  declined = true;
  keep(NAME, { token: "", who: null, left: true });
  if (token) await call("delete", "/api/session", { token }).catch(() => undefined);
}

let signingIn: Promise<boolean> | null = null;

/** Sign in if need be; whether there is a session now. On a web page this may leave the page for WeChat's
 * authorisation, and the promise never settles; so drafts are kept before anything is called. */
export function signIn(again = false): Promise<boolean> {
  if (again) {
    declined = false;
    signOut();
  }
  if (session.token) return Promise.resolve(true);
  if (declined) return Promise.resolve(false);
  signingIn ??= freshSession()
    .then((answer) => {
      if (isOthers(answer.person)) return handOver(answer);
      accept(answer);
      return true;
    })
    .catch((error: unknown) => {
      session.refused = "";
      if (error instanceof NoSignal) return false;
      session.refused = error instanceof Problem ? error.title : "登录没有成功，请关闭后重新打开。";
      declined = error instanceof Problem && error.status === 401;
      return false;
    })
    .finally(() => {
      signingIn = null;
    });
  return signingIn;
}

/** One call as the signed-in person; a session that has ended is renewed once. */
export async function ask<P extends Path, V extends Verb>(
  verb: V,
  path: P,
  options: Omit<Options, "body" | "token"> & { body?: Body<P, V> } = {},
): Promise<Answer<P, V>> {
  for (let tries = 1; ; tries += 1) {
    if (!(await signIn())) {
      throw session.refused ? new Problem(401, "not_signed_in", session.refused) : new NoSignal();
    }
    const { token } = session;
    try {
      return await call(verb, path, { ...options, token });
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401 || tries > 1) throw error;
      // Another call may have got a new one meanwhile.
      if (session.token === token) signOut();
    }
  }
}

/** Ask the service anew who this is: roles and names may have changed. */
export async function refreshWho(): Promise<void> {
  try {
    session.who = await ask("get", "/api/session");
    keep(NAME, { token: session.token, who: session.who });
  } catch {
    // What the phone knew stays; the next page asks again.
  }
}
