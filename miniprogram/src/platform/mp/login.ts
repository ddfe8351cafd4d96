/** Signing in by WeChat's log-in code, without anything to read or press. */
import { call, NoSignal, type Schema } from "@/api/client";

export async function freshSession(): Promise<Schema<"SessionShape">> {
  const code = await new Promise<string>((resolve, reject) => {
    uni.login({ provider: "weixin", success: (found) => resolve(found.code), fail: () => reject(new NoSignal()) });
  });
  return call("post", "/api/session", { body: { code } });
}
