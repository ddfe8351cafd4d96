/** ID numbers as the service checks them (GB 11643, ISO 7064 MOD 11-2), so that a slip is told while typing. */

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECK_DIGITS = "10X98765432";
const YEAR_FROM = 1900;

/** The number without spaces, its full-width digits made plain. */
function plain(text: string): string {
  return text.normalize("NFKC").replace(/\s/g, "").toUpperCase();
}

/** The 18 digits in what was typed, which may be a disability card's number (20 or 22). */
export function normalIdNo(text: string): string {
  return plain(text).slice(0, 18);
}

/** What is wrong with a typed ID number, in words; empty when it is right. `today` is YYYY-MM-DD. */
export function wrongIdNo(text: string, today: string): string {
  const number = plain(text);
  if (!/^\d{17}[\dX](\d{2}|\d{4})?$/.test(number)) return `身份证号应为 18 位，现在是 ${number.length} 位，请核对`;
  const birth = birthOf(number);
  if (!birth || birth > today) return "身份证号中的出生日期不对，请核对";
  const sum = WEIGHTS.reduce((total, weight, at) => total + weight * Number(number[at]), 0);
  return CHECK_DIGITS[sum % 11] === number[17] ? "" : "身份证号校验不通过，请逐位核对";
}

/** The date of birth in an ID number, YYYY-MM-DD; empty when there is no such day. */
export function birthOf(idNo: string): string {
  const number = plain(idNo);
  const [year, month, day] = [number.slice(6, 10), number.slice(10, 12), number.slice(12, 14)].map(Number);
  if (!year || !month || !day || year < YEAR_FROM) return "";
  const date = new Date(Date.UTC(year, month - 1, day));
  // The 30th of February would become a day in March.
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date.toISOString().slice(0, 10) : "";
}

/** Full years of age on `today`; -1 when the number tells no birth. */
export function ageOf(idNo: string, today: string): number {
  const birth = birthOf(idNo);
  if (!birth) return -1;
  const years = Number(today.slice(0, 4)) - Number(birth.slice(0, 4));
  return today.slice(5) < birth.slice(5) ? years - 1 : years;
}

/** The number with its middle hidden, as it is shown after typing. */
export function maskedIdNo(idNo: string): string {
  const number = normalIdNo(idNo);
  return `${number.slice(0, 3)}***********${number.slice(-4)}`;
}
