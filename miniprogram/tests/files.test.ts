/** Which files stay on the phone, and how photos become small. */
import { describe, expect, it, vi } from "vitest";

import { keepFile, release, sweep } from "@/core/files";
import { formatOf } from "@/core/formats";
import { fitted, shrunk } from "@/core/shrink";
import { keep, StorageFull } from "@/core/store";
import { files } from "@platform/files";
import { since } from "./platform/files";

const DAY_MS = 24 * 3600 * 1000;

async function made(word: string, days = 0): Promise<string> {
  const { sha256 } = await keepFile(new TextEncoder().encode(word).buffer as ArrayBuffer, "photo");
  since.set(sha256, Date.now() - days * DAY_MS);
  return sha256;
}
const here = async (sha256: string) => (await files.read(sha256)) !== null;

describe("files", () => {
  it("stay while something unfinished names them", async () => {
    const [draft, others, waiting, sent, none, fresh] = [await made("a", 99), await made("a2", 99), await made("b", 99), await made("c", 99), await made("d", 31), await made("e", 29)];
    keep("draft/report", { photos: [{ sha256: draft }] });
    phone.storage.set("fangpin/person/q/draft/report", JSON.stringify({ photos: [{ sha256: others }] }));
    keep("outbox/1", { state: "waiting", files: [{ sha256: waiting }] });
    keep("outbox/2", { state: "sent", files: [{ sha256: sent }] });
    expect(await sweep()).toBe(2);
    expect(await Promise.all([draft, others, waiting, sent, none, fresh].map(here))).toEqual([true, true, true, false, false, true]);
    await release(draft);
    await release(fresh);
    expect(await Promise.all([draft, fresh].map(here))).toEqual([true, false]);
  });

  it("make room for a new one when the phone is full, or say so", async () => {
    const old = await made("old", 1);
    const put = files.put;
    vi.spyOn(files, "put").mockImplementation(async (bytes) => {
      if (await here(old)) throw new StorageFull();
      return put(bytes);
    });
    const kept = await made("new");
    expect([await here(old), await here(kept)]).toEqual([false, true]);
    vi.spyOn(files, "put").mockRejectedValue(new StorageFull());
    await expect(made("more")).rejects.toMatchObject({ title: expect.stringContaining("存储空间满了") });
  });

  it("are known by their first bytes", () => {
    const type = (...bytes: number[]) => formatOf(new Uint8Array(bytes).buffer).type;
    expect(type(0xff, 0xd8, 0xff, 0xe0)).toBe("image/jpeg");
    expect(type(0xff, 0xf3, 0x44, 0xc4)).toBe("audio/mpeg");
    expect(type(0, 0, 0, 24, 0x66, 0x74, 0x79, 0x70)).toBe("audio/mp4");
    expect(type()).toBe("application/octet-stream");
  });
});

describe("photos", () => {
  const photo = (bytesOf: (width: number, quality: number) => number) => {
    const tries: string[] = [];
    const draw = async (width: number, height: number, quality: number) => {
      tries.push(`${width}×${height} ${quality}`);
      return new ArrayBuffer(bytesOf(width, quality));
    };
    return { tries, width: 4000, height: 3000, draw };
  };

  it("lose quality before they lose pixels, and no more than is needed", async () => {
    const noisy = photo((width, quality) => width * quality);
    expect((await shrunk(noisy, 700)).byteLength).toBe(640);
    expect(noisy.tries).toEqual(["1600×1200 0.8", "1600×1200 0.65", "1600×1200 0.5", "1280×960 0.8", "1280×960 0.65", "1280×960 0.5"]);
    const plain = photo(() => 10);
    await shrunk(plain, 700);
    expect(plain.tries).toEqual(["1600×1200 0.8"]);
  });

  it("that do not become small are refused in words", async () => {
    await expect(shrunk(photo(() => 1000), 700)).rejects.toMatchObject({ title: expect.stringContaining("太大") });
    await expect(shrunk({ ...photo(() => 1), width: 0 }, 700)).rejects.toMatchObject({ title: expect.stringContaining("打不开") });
  });

  it("never grow, and keep their shape", () => {
    expect(fitted(300, 200, 1600)).toEqual({ width: 300, height: 200 });
    expect(fitted(3000, 9000, 1600)).toEqual({ width: 533, height: 1600 });
    expect(fitted(90000, 3, 1600)).toEqual({ width: 1600, height: 1 });
  });
});
