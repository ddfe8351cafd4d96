/** Photos and recordings on this phone, by their hash, in the mini program's own folder. */
import { formatOf } from "@/core/formats";
import { hashOf } from "@/core/hash";
import { StorageFull } from "@/core/store";
import { asked, type Failure } from "./wx";

declare const wx: { env: { USER_DATA_PATH: string } };
const FULL = /exceed|maximum size|no space|ENOSPC|1300202/i;

let folder: Promise<Map<string, string>> | null = null;

/** The files by hash. Their names end as their content asks: players and pictures go by it. */
function held(): Promise<Map<string, string>> {
  folder ??= look().catch((failure) => {
    folder = null;
    throw failure;
  });
  return folder;
}

function place(): string {
  return `${wx.env.USER_DATA_PATH}/files`;
}

async function look(): Promise<Map<string, string>> {
  const system = uni.getFileSystemManager();
  const path = place();
  // It is there from the second time on.
  await asked((done) => system.mkdir({ dirPath: path, recursive: true, ...done })).catch(() => undefined);
  const { files: names } = await asked<{ files: string[] }>((done) => system.readdir({ dirPath: path, ...done }));
  return new Map(names.map((name) => [name.slice(0, 64), `${path}/${name}`]));
}

export const files = {
  /** Keep a file; raises `StorageFull`. */
  async put(bytes: ArrayBuffer): Promise<{ sha256: string; size: number }> {
    const sha256 = await hashOf(bytes);
    const names = await held();
    const path = `${place()}/${sha256}.${formatOf(bytes).ending}`;
    try {
      await asked((done) => uni.getFileSystemManager().writeFile({ filePath: path, data: bytes, ...done }));
    } catch (failure) {
      if (FULL.test((failure as Failure).errMsg)) throw new StorageFull();
      throw failure;
    }
    names.set(sha256, path);
    return { sha256, size: bytes.byteLength };
  },

  /** Its bytes; null when it is not here. */
  async read(sha256: string): Promise<ArrayBuffer | null> {
    const path = (await held()).get(sha256);
    if (!path) return null;
    try {
      const { data } = await asked<{ data: string | ArrayBuffer }>((done) => uni.getFileSystemManager().readFile({ filePath: path, ...done }));
      return data as ArrayBuffer;
    } catch {
      // WeChat removes files when the phone runs out of room.
      return null;
    }
  },

  /** An address for an image or a player; empty when it is not here. */
  async addressOf(sha256: string): Promise<string> {
    const path = (await held()).get(sha256);
    if (!path) return "";
    const there = asked((done) => uni.getFileSystemManager().access({ path, ...done }));
    return there.then(
      () => path,
      () => "",
    );
  },

  async drop(sha256: string): Promise<void> {
    const names = await held();
    const path = names.get(sha256);
    if (!path) return;
    names.delete(sha256);
    await asked((done) => uni.getFileSystemManager().unlink({ filePath: path, ...done })).catch(() => undefined);
  },

  /** What is kept here, and since when. */
  async all(): Promise<{ sha256: string; at: number }[]> {
    const found: { sha256: string; at: number }[] = [];
    for (const [sha256, path] of await held()) {
      const seen = asked<{ stats: unknown }>((done) => uni.getFileSystemManager().stat({ path, ...done }));
      const at = await seen.then(({ stats }) => (stats as { lastModifiedTime: number }).lastModifiedTime * 1000, () => 0);
      found.push({ sha256, at });
    }
    return found;
  },
};
