// Times as the phones show them: the demo's clock, in China's zone wherever the browser is.

const ZONE = "Asia/Shanghai";
const style = (options) => new Intl.DateTimeFormat("zh-CN", { timeZone: ZONE, hourCycle: "h23", ...options });

const day = style({ month: "long", day: "numeric", weekday: "short" });
const minute = style({ hour: "2-digit", minute: "2-digit" });
const second = style({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const exact = style({ hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
const dayKey = style({ year: "numeric", month: "numeric", day: "numeric" });

const at = (seconds) => new Date(seconds * 1000);

export const showDay = (seconds) => day.format(at(seconds));
export const showMinute = (seconds) => minute.format(at(seconds));
export const showSecond = (seconds) => second.format(at(seconds));
export const showExact = (seconds) => exact.format(at(seconds));

/** The line between messages: the time alone for today, with the day before it otherwise. */
export function showBetween(seconds, now) {
  const today = dayKey.format(at(seconds)) === dayKey.format(at(now));
  return today ? showMinute(seconds) : `${showDay(seconds)} ${showMinute(seconds)}`;
}
