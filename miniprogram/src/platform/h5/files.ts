/** Photos and recordings on this phone, by their hash, in the browser's database. */
import { formatOf } from "@/core/formats";
import { hashOf } from "@/core/hash";
import { StorageFull } from "@/core/store";
import { NAMESPACE } from "@platform/namespace";

const DATABASE = `fangpin/${NAMESPACE}files`;
const TABLE = "files";

interface Row {
  sha256: string;
  bytes: ArrayBuffer;
  /** When it was kept, in milliseconds since 1970. */
  at: number;
}

/** Made when first shown; the browser holds the bytes until they are given up. */
const addresses = new Map<string, string>();
let opened: Promise<IDBDatabase> | null = null;

function database(): Promise<IDBDatabase> {
  opened ??= new Promise<IDBDatabase>((resolve, reject) => {
    const asked = indexedDB.open(DATABASE, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(TABLE, { keyPath: "sha256" }).createIndex("at", "at");
    asked.onsuccess = () => {
      // The browser may close it, for want of memory or because the person clears the page's data.
      asked.result.onclose = () => (opened = null);
      resolve(asked.result);
    };
    asked.onerror = () => reject(asked.error);
  }).catch((error) => {
    opened = null;
    throw error;
  });
  return opened;
}

async function within<T>(mode: IDBTransactionMode, work: (table: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const transaction = (await database()).transaction(TABLE, mode);
  return new Promise((resolve, reject) => {
    const asked = work(transaction.objectStore(TABLE));
    // Only the end of the transaction says that it is on the disk.
    transaction.oncomplete = () => resolve(asked.result);
    transaction.onabort = () => reject(transaction.error ?? asked.error);
  });
}

export const files = {
  /** Keep a file; raises `StorageFull`. */
  async put(bytes: ArrayBuffer): Promise<{ sha256: string; size: number }> {
    const sha256 = await hashOf(bytes);
    try {
      await within("readwrite", (table) => table.put({ sha256, bytes, at: Date.now() } satisfies Row));
    } catch (error) {
      if ((error as DOMException | null)?.name === "QuotaExceededError") throw new StorageFull();
      throw error;
    }
    return { sha256, size: bytes.byteLength };
  },

  /** Its bytes; null when it is not here. */
  async read(sha256: string): Promise<ArrayBuffer | null> {
    const row = await within<Row | undefined>("readonly", (table) => table.get(sha256));
    return row?.bytes ?? null;
  },

  /** An address for an image or a player; empty when it is not here. */
  async addressOf(sha256: string): Promise<string> {
    const known = addresses.get(sha256);
    if (known) return known;
    const bytes = await files.read(sha256);
    if (!bytes) return "";
    const address = URL.createObjectURL(new Blob([bytes], { type: formatOf(bytes).type }));
    addresses.set(sha256, address);
    return address;
  },

  async drop(sha256: string): Promise<void> {
    const address = addresses.get(sha256);
    if (address) URL.revokeObjectURL(address);
    addresses.delete(sha256);
    await within("readwrite", (table) => table.delete(sha256));
  },

  /** What is kept here, and since when. */
  async all(): Promise<{ sha256: string; at: number }[]> {
    const found: { sha256: string; at: number }[] = [];
    // Keys alone: the bytes of a hundred photos would not fit into memory.
    await within("readonly", (table) => {
      const asked = table.index("at").openKeyCursor();
      asked.onsuccess = () => {
        const cursor = asked.result;
        if (!cursor) return;
        found.push({ sha256: String(cursor.primaryKey), at: Number(cursor.key) });
        cursor.continue();
      };
      return asked;
    });
    return found;
  },
};
