/** Times as people say them. The service's legal dates are China's, whatever the phone is set to. */

const CHINA_MS = 8 * 3600 * 1000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

function inChina(at: string | number | Date): Date {
  return new Date(new Date(at).getTime() + CHINA_MS);
}

/** 11月22日 9:05 */
export function readable(at: string | number | Date): string {
  const day = inChina(at);
  const minutes = String(day.getUTCMinutes()).padStart(2, "0");
  return `${day.getUTCMonth() + 1}月${day.getUTCDate()}日 ${day.getUTCHours()}:${minutes}`;
}

/** 2026-11-22 */
export function dayOf(at: string | number | Date): string {
  return inChina(at).toISOString().slice(0, 10);
}

/** 2026-11 */
export function monthOf(at: string | number | Date): string {
  return inChina(at).toISOString().slice(0, 7);
}

/** 2026年11月, of 2026-11 */
export function readableMonth(month: string): string {
  return `${Number(month.slice(0, 4))}年${Number(month.slice(5, 7))}月`;
}

/** How long until `due`, or how long past it: 还剩 2 天, 已超期 3 小时. */
export function untilDue(due: string, now: number = Date.now()): string {
  const left = Date.parse(due) - now;
  const words = left < 0 ? "已超期" : "还剩";
  const size = Math.abs(left);
  if (size >= DAY_MS) return `${words} ${Math.floor(size / DAY_MS)} 天`;
  if (size >= HOUR_MS) return `${words} ${Math.floor(size / HOUR_MS)} 小时`;
  return `${words} ${Math.max(1, Math.floor(size / MINUTE_MS))} 分钟`;
}

/** How long ago: 刚刚, 5 分钟前, 3 小时前, then the date. */
export function ago(at: string, now: number = Date.now()): string {
  const size = now - Date.parse(at);
  if (size < MINUTE_MS) return "刚刚";
  if (size < HOUR_MS) return `${Math.floor(size / MINUTE_MS)} 分钟前`;
  if (size < DAY_MS) return `${Math.floor(size / HOUR_MS)} 小时前`;
  return readable(at);
}

/** The phone's time with its offset, as commands carry it. */
export function deviceTime(now: Date = new Date()): string {
  const offset = -now.getTimezoneOffset();
  const sign = offset < 0 ? "-" : "+";
  const pad = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const local = new Date(now.getTime() + offset * MINUTE_MS).toISOString().slice(0, 19);
  return `${local}${sign}${pad(Math.abs(offset) / 60)}:${pad(Math.abs(offset) % 60)}`;
}
