/** Files on their way to a service that takes parts as ours does, over a line that breaks. */
import { beforeEach, describe, expect, it } from "vitest";

import { hashOf } from "@/core/hash";
import type { FileRef } from "@/core/queue";
import { session } from "@/core/session";
import { arrived, failed, MissingFile, PART_BYTES, upload } from "@/core/uploads";
import { files } from "@platform/files";
import type { Answered, Asked } from "./setup";

interface Stored {
  received: Uint8Array;
  complete: boolean;
}
/** What the service has, by hash, and the parts that it was sent: `first` of each. */
let stored: Map<string, Stored>;
let firsts: number[];
/** Breaks the line at the given part; `after` loses the answer, `before` the part. */
let breaks: { at: number; lost: "before" | "after" }[];

beforeEach(() => {
  stored = new Map();
  firsts = [];
  breaks = [];
  session.token = "token";
  session.who = { person: Math.random().toString() } as NonNullable<typeof session.who>;
  phone.service = service;
});

function service({ verb, path, headers, body }: Asked): Answered {
  const name = path.split("/").pop() as string;
  const file = stored.get(name) ?? { received: new Uint8Array(), complete: false };
  if (verb === "GET") return { status: 200, body: { received: file.complete ? 0 : file.received.length, complete: file.complete } };
  const [, first, last, total] = (/^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers["Content-Range"] as string) as RegExpExecArray).map(Number) as [number, number, number, number];
  const broken = breaks.find(({ at }) => at === firsts.length);
  firsts.push(first);
  if (broken?.lost === "before") return null;
  const part = new Uint8Array(body as ArrayBuffer);
  expect(part.length).toBe(last - first + 1);
  if (last >= file.received.length) {
    if (first !== file.received.length) {
      return { status: 409, body: { code: "wrong_offset", title: "位置不对", received: file.received.length } };
    }
    file.received = new Uint8Array([...file.received, ...part]);
    file.complete = file.received.length === total;
    stored.set(name, file);
  }
  if (broken?.lost === "after") return null;
  return file.complete ? { status: 201, body: { id: "1", sha256: name } } : { status: 202, body: { received: file.received.length, complete: false } };
}

async function photo(bytes: number): Promise<FileRef> {
  const content = new Uint8Array(bytes).map((_, at) => (at * 7) % 251);
  return { ...(await files.put(content.buffer)), use: "photo" };
}

describe("uploads", () => {
  it("arrive whole, in parts", async () => {
    const file = await photo(2 * PART_BYTES + 10);
    await upload(file);
    expect(firsts).toEqual([0, PART_BYTES, 2 * PART_BYTES]);
    expect(await hashOf((stored.get(file.sha256) as Stored).received.buffer as ArrayBuffer)).toBe(file.sha256);
    expect(arrived[file.sha256]).toBe(file.size);
    await upload(file);
    expect(firsts).toHaveLength(3);
  });

  it.each(["before", "after"] as const)("go on where the signal was lost (%s the part arrived)", async (lost) => {
    const file = await photo(3 * PART_BYTES + 1);
    breaks = [{ at: 1, lost }];
    await expect(upload(file)).rejects.toThrow();
    expect(failed[file.sha256]).toContain("信号");
    await upload(file);
    expect(failed[file.sha256]).toBeUndefined();
    const again = lost === "before" ? [PART_BYTES] : [];
    expect(firsts).toEqual([0, PART_BYTES, ...again, 2 * PART_BYTES, 3 * PART_BYTES]);
    expect(stored.get(file.sha256)?.complete).toBe(true);
  });

  it("begin again where the service has forgotten them", async () => {
    const file = await photo(2 * PART_BYTES + 1);
    const kind = service;
    phone.service = (asked) => {
      if (firsts.length === 1) stored.clear();
      return kind(asked);
    };
    await upload(file);
    expect(firsts).toEqual([0, PART_BYTES, 0, PART_BYTES, 2 * PART_BYTES]);
    expect(stored.get(file.sha256)?.complete).toBe(true);
  });

  it("give up on a service that gets no further", async () => {
    phone.service = ({ verb }) => ({ status: verb === "GET" ? 200 : 202, body: { received: 0, complete: false } });
    await expect(upload(await photo(PART_BYTES + 5))).rejects.toMatchObject({ title: expect.stringContaining("没有传上去") });
  });

  it("say when the file is gone, and are sent for each person", async () => {
    const file = await photo(40);
    await upload(file);
    session.who = { person: "somebody else" } as NonNullable<typeof session.who>;
    stored.clear();
    await upload(file);
    expect(stored.has(file.sha256)).toBe(true);
    await files.drop(file.sha256);
    session.who = { person: "a third" } as NonNullable<typeof session.who>;
    await expect(upload(file)).rejects.toBeInstanceOf(MissingFile);
  });

  it("of one file are one, however often it is asked for", async () => {
    const file = await photo(PART_BYTES + 1);
    await Promise.all([upload(file), upload(file), upload(file)]);
    expect(firsts).toEqual([0, PART_BYTES]);
  });
});
