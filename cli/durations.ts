/**
 * Spans and points of time as people write them.
 *
 *     1d12h  90s  250ms                               a span: days, hours, minutes, seconds, milliseconds, largest first
 *     2030-01-01  2030-01-01T12:00Z  1893456000s  now   a point: ISO 8601, time since 1970 with its unit, or this machine's
 *
 * Law: what `durationText` and `timeText` write is read back as the same number. A number without a unit and a time of day
 * without a zone are refused, for each has two meanings.
 */
import { InputError } from "../vm/errors.ts";

/** The last millisecond of the year 9999. */
export const TIME_MAX = 253_402_300_799_999;

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
] as const;

const DURATION = /^(?:(\d{1,15})d)?(?:(\d{1,15})h)?(?:(\d{1,15})m)?(?:(\d{1,15})s)?(?:(\d{1,15})ms)?$/;

/** Milliseconds. Throws `InputError` `duration_invalid`. */
export function readDuration(text: string): number {
  const numbers = DURATION.exec(text)?.slice(1) ?? [];
  const ms = units.reduce((sum, [, size], i) => sum + Number(numbers[i] ?? 0) * size, 0);
  if (text === "" || numbers.length === 0 || ms > TIME_MAX) {
    throw new InputError("duration_invalid", `${JSON.stringify(text)} is no span of time`, {
      hint: "Write such as 1d, 12h, 30m, 90s or 250ms, or several, the largest first: 1d12h. At most 8000 years.",
    });
  }
  return ms;
}

export function durationText(ms: number): string {
  let rest = ms;
  let text = "";
  for (const [unit, size] of units) {
    const number = Math.floor(rest / size);
    rest %= size;
    if (number > 0) text += `${number}${unit}`;
  }
  return text === "" ? "0s" : text;
}

const ISO = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d)))?$/;

/** Milliseconds since 1970; `now` gives this machine's. Throws `InputError` `time_invalid`. */
export function readTime(text: string, now: () => number = Date.now): number {
  const time = text === "now" ? now() : (sinceEpoch(text) ?? isoTime(text));
  if (time === undefined || !(time >= 0 && time <= TIME_MAX)) {
    throw new InputError("time_invalid", `${JSON.stringify(text)} is no time from 1970 to 9999`, {
      hint: "Write ISO 8601 with its zone (2030-01-01T12:00:00Z), time since 1970 as 1893456000s or ...ms, or now.",
    });
  }
  return time;
}

/** In UTC. */
export function timeText(time: number): string {
  return time <= TIME_MAX ? new Date(time).toISOString() : `${time}ms`;
}

function sinceEpoch(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,15})(s|ms)$/.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * (unit === "s" ? 1_000 : 1);
}

function isoTime(text: string): number | undefined {
  const [, date, minutes = "00:00", seconds = "00", fraction = "", sign, hours, rest] = ISO.exec(text) ?? [];
  if (date === undefined) return undefined;
  const utc = `${date}T${minutes}:${seconds}.${fraction.padEnd(3, "0")}Z`;
  const time = Date.parse(utc);
  // 30 February and 24:00 are carried over by some parsers, and meant by nobody.
  if (Number.isNaN(time) || new Date(time).toISOString() !== utc) return undefined;
  const offset = sign === undefined ? 0 : Number(hours) * 3_600_000 + Number(rest) * 60_000;
  return sign === "-" ? time + offset : time - offset;
}
