/** Ids that the phone makes. */

/** A UUIDv7 (RFC 9562): the time, then random bits.
 *
 * Mini programs have no synchronous source of strong random numbers. These ids are no secrets: the service
 * keeps a key per person, so that the 74 random bits only have to differ on one person's phones.
 */
export function newId(now: number = Date.now()): string {
  const time = now.toString(16).padStart(12, "0");
  const random = (bits: number) => Math.floor(Math.random() * 2 ** bits);
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  const a = hex(0x7000 + random(12), 4);
  const b = hex(0x8000 + random(14), 4);
  const c = hex(random(24), 6) + hex(random(24), 6);
  return `${time.slice(0, 8)}-${time.slice(8)}-${a}-${b}-${c}`;
}
