/** Signing in by WeChat's authorisation page, from which the browser comes back with a ticket. */
import { call, NoSignal, Problem, type Schema } from "@/api/client";

import { NAMESPACE } from "./namespace";

const fragment = new URLSearchParams(window.location.hash.slice(1));
let ticket = fragment.get("ticket");
let refused = fragment.get("login") === "refused";
// Whoever came through another account than the main one is signed in as that account's fan, as long as this
// window is open.
const ACCOUNT = `${NAMESPACE}account`;
const account = new URLSearchParams(window.location.search).get("account") ?? sessionStorage.getItem(ACCOUNT) ?? "";
sessionStorage.setItem(ACCOUNT, account);
if (ticket || refused) {
  // A ticket is good for one exchange and has no business in the history.
  window.history.replaceState(window.history.state, "", window.location.pathname + window.location.search);
}

/** Exchange the ticket that came back; without one, go to the authorisation page (and never settle). */
export async function freshSession(): Promise<Schema<"SessionShape">> {
  if (ticket) {
    const given = ticket;
    ticket = null;
    return call("post", "/api/session/ticket", { body: { ticket: given } });
  }
  if (refused) {
    refused = false;
    throw new Problem(401, "refused", "没有登录，看不到您的申报。请点“重新登录”，并在微信页面选择“允许”。");
  }
  // Leaving the page without signal would leave the person with an empty one.
  if (!(await reachable())) throw new NoSignal();
  const next = window.location.pathname + window.location.search;
  window.location.replace(`/wechat/login${account ? `/${account}` : ""}?next=${encodeURIComponent(next)}`);
  return new Promise(() => undefined);
}

async function reachable(): Promise<boolean> {
  try {
    return (await fetch("/healthz", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}
