/** Files of a phone, in memory. */
import { sha256 } from "@noble/hashes/sha256";
import { bytesToHex } from "@noble/hashes/utils";

const held = new Map<string, ArrayBuffer>();

/** When each was kept; a test may say that it is long ago. */
export const since = new Map<string, number>();

export const files = {
  async put(bytes: ArrayBuffer) {
    const name = bytesToHex(sha256(new Uint8Array(bytes)));
    held.set(name, bytes);
    since.set(name, Date.now());
    return { sha256: name, size: bytes.byteLength };
  },
  async read(name: string): Promise<ArrayBuffer | null> {
    return held.get(name) ?? null;
  },
  async addressOf(name: string) {
    return held.has(name) ? `file:${name}` : "";
  },
  async drop(name: string) {
    held.delete(name);
  },
  async all() {
    return [...held.keys()].map((sha256) => ({ sha256, at: since.get(sha256) ?? 0 }));
  },
};
