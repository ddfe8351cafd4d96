/** What a file is, told by its first bytes: names and types can say anything. */

export interface Format {
  /** The media type. */
  type: string;
  /** How a file's name ends, without the dot; players on phones go by it. */
  ending: string;
}

/** First bytes, from the offset on, and what they stand for. */
const FORMATS: [offset: number, bytes: number[], Format][] = [
  [0, [0xff, 0xd8, 0xff], { type: "image/jpeg", ending: "jpg" }],
  [0, [0x89, 0x50, 0x4e, 0x47], { type: "image/png", ending: "png" }],
  [0, [0x1a, 0x45, 0xdf, 0xa3], { type: "audio/webm", ending: "webm" }],
  [0, [0x4f, 0x67, 0x67, 0x53], { type: "audio/ogg", ending: "ogg" }],
  [4, [0x66, 0x74, 0x79, 0x70], { type: "audio/mp4", ending: "m4a" }],
  [0, [0x23, 0x21, 0x41, 0x4d, 0x52], { type: "audio/amr", ending: "amr" }],
  [0, [0xff, 0xf1], { type: "audio/aac", ending: "aac" }],
  [0, [0x49, 0x44, 0x33], { type: "audio/mpeg", ending: "mp3" }],
  [0, [0xff], { type: "audio/mpeg", ending: "mp3" }],
];
const UNKNOWN: Format = { type: "application/octet-stream", ending: "bin" };

export function formatOf(bytes: ArrayBuffer): Format {
  const head = new Uint8Array(bytes, 0, Math.min(12, bytes.byteLength));
  const found = FORMATS.find(([offset, start]) => start.every((byte, at) => head[offset + at] === byte));
  return found ? found[2] : UNKNOWN;
}
