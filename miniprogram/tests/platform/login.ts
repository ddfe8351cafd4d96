/** Signing in by a code, as in a mini program. */
import { call, type Schema } from "@/api/client";

export function freshSession(): Promise<Schema<"SessionShape">> {
  return call("post", "/api/session", { body: { code: "code" } });
}
