/**
 * The clock of a devnet, whose developer moves it: block times from the machine's clock plus an offset, or a step from each
 * block to the next, whatever the machine says.
 *
 * Law: what it is set to is one value, so who keeps that can put the clock back. No block is before its parent. What was asked
 * for the next block's time holds until there is that block; a chain whose time was moved goes on from there after a restart.
 */
import type { Clock } from "../node/clock.ts";
import { TIME_MAX } from "../node/rpc/api/dev.ts";
import { InputError } from "../vm/errors.ts";

/** Of a logical clock, unless it is set to another. */
export const LOGICAL_STEP_MS = 1_000;

export interface ClockSetting {
  /** How far the clock is ahead of the machine's. */
  readonly offsetMs: number;
  /** Between two blocks; null while the machine's clock is followed. */
  readonly stepMs: number | null;
  /** The next block's time, where one was asked for. */
  readonly next: number | null;
}

export interface ClockOptions {
  /** Whether time goes by steps from the start on, and never by the machine's clock. */
  readonly isLogical: boolean;
  /** The machine's clock, in milliseconds since 1970. */
  readonly now?: () => number;
}

export class DevelopmentClock {
  /** The time of a block, by its parent's. */
  readonly timeAfter: Clock;
  readonly #isLogical: boolean;
  readonly #now: () => number;
  #setting: ClockSetting = { offsetMs: 0, stepMs: null, next: null };

  constructor({ isLogical, now = Date.now }: ClockOptions) {
    this.#isLogical = isLogical;
    this.#now = now;
    this.timeAfter = (parentTime) => this.#timeAfter(parentTime);
    this.start(0);
  }

  /** As it is at the start of a chain whose head has this time. */
  start(headTime: number): void {
    const offsetMs = Math.max(0, headTime - this.#now());
    this.#setting = { offsetMs, stepMs: this.#isLogical ? LOGICAL_STEP_MS : null, next: null };
  }

  /** What it is set to, to be set to it again. */
  get setting(): ClockSetting {
    return this.#setting;
  }

  set setting(setting: ClockSetting) {
    this.#setting = setting;
  }

  get stepMs(): number | null {
    return this.#setting.stepMs;
  }

  #timeAfter(parentTime: number): number {
    const { offsetMs, stepMs, next } = this.#setting;
    const time = next ?? (stepMs === null ? this.#now() + offsetMs : parentTime + stepMs);
    // At the end of the year 9999 time stands still.
    return Math.max(parentTime, Math.min(time, TIME_MAX));
  }

  /** A block with this time is there: from it on, time goes on. */
  onBlock(time: number): void {
    const { next, stepMs, offsetMs } = this.#setting;
    const ahead = time - this.#now();
    if (next !== null) this.#setting = { ...this.#setting, offsetMs: ahead, next: null };
    // A block that the store was thought not to have taken is of a setting that was taken back.
    else if (stepMs === null && ahead > offsetMs) this.#setting = { ...this.#setting, offsetMs: ahead };
  }

  /** The next block has this time. Throws `InputError` `time_invalid`, `time_backwards`. */
  setNext(time: number, headTime: number): void {
    checkTime(time);
    if (time < headTime) {
      throw new InputError("time_backwards", `${dateOf(time)} is before the head, whose time is ${dateOf(headTime)}`, {
        hint: `Name ${dateOf(headTime)} or later, or revert to a snapshot that is earlier.`,
        details: { headTime },
      });
    }
    this.#setting = { ...this.#setting, next: time };
  }

  /** The next block comes so much later than it would. Throws `InputError` `time_backwards`, `time_invalid`. */
  advance(ms: number, headTime: number): void {
    if (ms < 0) {
      throw new InputError("time_backwards", `time goes forward alone, and not by ${ms} ms`, {
        hint: "Revert to a snapshot to have an earlier time again.",
      });
    }
    const next = this.#timeAfter(headTime) + ms;
    checkTime(next);
    const setting = this.#setting;
    // By the machine's clock, time passes until there is the block.
    const isRunning = setting.stepMs === null && setting.next === null;
    this.#setting = isRunning ? { ...setting, offsetMs: next - this.#now() } : { ...setting, next };
  }

  /**
   * So much from block to block; null for what the clock does of itself: it follows the machine's, or goes step by step by one
   * second. Throws `InputError` `time_invalid`.
   */
  setStep(stepMs: number | null, headTime: number): void {
    if (stepMs !== null && !(Number.isSafeInteger(stepMs) && stepMs >= 0 && stepMs <= TIME_MAX)) {
      throw new InputError("time_invalid", `${stepMs} ms cannot be between two blocks`, {
        hint: `Name 0 to ${TIME_MAX}.`,
      });
    }
    if (stepMs !== null || this.#isLogical) {
      this.#setting = { ...this.#setting, stepMs: stepMs ?? LOGICAL_STEP_MS };
      return;
    }
    const { offsetMs } = this.#setting;
    this.#setting = { ...this.#setting, offsetMs: Math.max(offsetMs, headTime - this.#now()), stepMs };
  }
}

function checkTime(time: number): void {
  if (Number.isSafeInteger(time) && time >= 0 && time <= TIME_MAX) return;
  throw new InputError("time_invalid", `${time} is no time that a block can have`, {
    hint: `Times are milliseconds since 1970, up to ${TIME_MAX}, which is the end of the year 9999.`,
  });
}

/** Milliseconds, as people read them. */
function dateOf(time: number): string {
  return new Date(time).toISOString();
}
