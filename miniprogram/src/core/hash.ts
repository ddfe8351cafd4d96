/** The name of a file is the hash of its bytes. */
import { sha256 } from "@noble/hashes/sha256";
import { bytesToHex } from "@noble/hashes/utils";

const SLICE_BYTES = 256 * 1024;

/** The SHA-256 of the bytes in hexadecimal. Between slices the screen has its turn. */
export async function hashOf(bytes: ArrayBuffer): Promise<string> {
  const hash = sha256.create();
  for (let at = 0; at < bytes.byteLength; at += SLICE_BYTES) {
    if (at) await new Promise((resolve) => setTimeout(resolve, 0));
    hash.update(new Uint8Array(bytes, at, Math.min(SLICE_BYTES, bytes.byteLength - at)));
  }
  return bytesToHex(hash.digest());
}
