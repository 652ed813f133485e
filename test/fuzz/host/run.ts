/**
 * Runs one case without any Wasm and writes down all that happens, in order: what is checked, charged, read, written, and
 * asked of the chain. Guest memory has no other door than `HostCall`, so nothing is missed.
 */
import { createHash } from "node:crypto";
import { compareBytes } from "../../../vm/borsh.ts";
import { haltReasons, type MessageResult, refusalReasons } from "../../../vm/contract.ts";
import { type Frame, GuestExit, type Host, HostCall, type ScannedEntry } from "../../../vm/host-fns/host.ts";
import type { HostFunction } from "../../../vm/host-fns/table.ts";
import type { HaltReason } from "../../../vm/outcome.ts";
import { createRandom } from "../../support/programs.ts";
import { type HostCase, memoryOf } from "./case.ts";
import { noiseBytes, pick } from "./noise.ts";

export type Step =
  | { readonly kind: "charge"; readonly amount: number }
  | { readonly kind: "check" | "read" | "write"; readonly at: number; readonly size: number }
  | HostStep;

export interface HostStep {
  readonly kind: "host";
  readonly method: Exclude<keyof Host, "context"> | "next";
  /** Arguments and answer, but for what depends on the gas given. */
  readonly shown: string;
  /** Whether the chain is another one afterwards. */
  readonly isEffect: boolean;
  /** Bytes that the chain hands over for the guest. */
  readonly size: number;
  readonly message: Message | null;
}

/** A call of another contract, or whatever else gets a frame. */
export interface Message {
  readonly frame: Frame;
  readonly value: bigint;
  readonly gasUsed: number;
}

export type Ending =
  | { readonly kind: "returned"; readonly value: unknown }
  | { readonly kind: "halt"; readonly reason: HaltReason }
  | { readonly kind: "revert"; readonly code: number; readonly data: Uint8Array }
  /** What must never be. */
  | { readonly kind: "fault"; readonly error: unknown };

export interface Observation {
  readonly ending: Ending;
  readonly gasGiven: number;
  /** Below zero when it did not suffice. */
  readonly gasLeft: number;
  readonly steps: readonly (Step & { readonly gasLeft: number })[];
  readonly memory: Uint8Array;
  readonly lastResult: Uint8Array;
  readonly returnData: Uint8Array;
}

/** Stack height in use at the call, as an engine would say. */
export const STACK_HEIGHT = 100;

type Record = (step: Step) => void;

class WatchedCall extends HostCall {
  readonly #record: Record;

  constructor(host: Host, input: Uint8Array, readOnly: boolean, memory: ArrayBuffer, record: Record) {
    super(host, input, readOnly, { memoryBuffer: () => memory, stackHeight: () => STACK_HEIGHT });
    this.#record = record;
  }

  override charge(amount: number): void {
    try {
      super.charge(amount);
    } finally {
      this.#record({ kind: "charge", amount });
    }
  }

  override checkRegion(pointer: number, length: number): void {
    this.#record({ kind: "check", at: pointer >>> 0, size: length >>> 0 });
    super.checkRegion(pointer, length);
  }

  override read(pointer: number, length: number): Uint8Array {
    this.#record({ kind: "read", at: pointer >>> 0, size: length >>> 0 });
    return super.read(pointer, length);
  }

  override write(pointer: number, bytes: Uint8Array): void {
    this.#record({ kind: "write", at: pointer >>> 0, size: bytes.length });
    super.write(pointer, bytes);
  }
}

export function runCase(hostCase: HostCase, fn: HostFunction, gas: number = hostCase.gas): Observation {
  const memory = memoryOf(hostCase);
  const steps: Observation["steps"][number][] = [];
  const record = (step: Step) => void steps.push({ ...step, gasLeft: call.gas });
  const host = createHost(hostCase, record);
  const call: WatchedCall = new WatchedCall(host, hostCase.input, hostCase.readOnly, memory.buffer, record);
  call.gas = gas;
  if (hostCase.inputFetched) call.lastResult = hostCase.input;
  const ending = end(() => (fn.run as (...args: unknown[]) => unknown)(call, fn.price, ...hostCase.args));
  const { gas: gasLeft, lastResult, returnData } = call;
  return { ending, gasGiven: gas, gasLeft, steps, memory, lastResult, returnData };
}

function end(run: () => unknown): Ending {
  try {
    return { kind: "returned", value: run() };
  } catch (error) {
    return error instanceof GuestExit ? error.exit : { kind: "fault", error };
  }
}

export function hostStepsOf({ steps }: Pick<Observation, "steps">): readonly HostStep[] {
  return steps.filter((step) => step.kind === "host");
}

/** The chain's side, which writes down whatever it is asked. It answers out of the case. */
export function createHost(hostCase: HostCase, record: (step: HostStep) => void): Host {
  const random = createRandom(hostCase.hostSeed);
  const find = (key: Uint8Array) => hostCase.storage.find((entry) => compareBytes(entry.key, key) === 0)?.value;
  const tell = (
    method: HostStep["method"],
    shown: unknown,
    { isEffect = false, size = 0, message = null }: Partial<HostStep> = {},
  ) => record({ kind: "host", method, shown: show(shown), isEffect, size, message });

  /** A message ends as it likes, whatever gas it gets. */
  const answer = (method: HostStep["method"], frame: Frame, value: bigint, rest: unknown): MessageResult => {
    const outcome = createOutcome(random);
    const part = random(5);
    const { gasLimit, stackHeight: _, ...others } = frame;
    const gasUsed = outcome.kind === "halt" ? gasLimit : Math.floor(gasLimit / 4) * part;
    tell(method, [rest, value, others, outcome], { isEffect: true, message: { frame, value, gasUsed } });
    return { outcome, gasUsed };
  };

  return {
    context: {
      self: noiseBytes(random, 32),
      caller: noiseBytes(random, 32),
      signer: noiseBytes(random, 32),
      value: pick(random, [0n, 1n, 2n ** 64n, 2n ** 128n - 1n]),
      blockHeight: pick(random, [0, 1, Number.MAX_SAFE_INTEGER]),
      blockTime: pick(random, [0, 1_700_000_000_123, Number.MAX_SAFE_INTEGER]),
      chainId: pick(random, ["c", "test-chain", "größe", "x".repeat(64)]),
    },
    random() {
      const bytes = noiseBytes(random, 32);
      tell("random", bytes, { isEffect: true });
      return bytes;
    },
    storageGet(key) {
      const value = find(key) ?? undefined;
      tell("storageGet", [key, value], { size: value?.length ?? 0 });
      return value;
    },
    storageSet: (key, value) => tell("storageSet", [key, value], { isEffect: true }),
    storageRemove: (key) => tell("storageRemove", key, { isEffect: true }),
    storageScan(range) {
      tell("storageScan", range);
      const entries = scan(hostCase, range);
      return {
        next() {
          const { done, value } = entries.next();
          const size = done === true ? 0 : value.key.length + (value.value?.length ?? -value.key.length);
          tell("next", value, { size });
          return done === true ? { done, value: undefined } : { done: false, value };
        },
      };
    },
    balanceOf(address) {
      const amount = pick(random, [0n, 5n, 2n ** 128n - 1n]);
      tell("balanceOf", [address, amount]);
      return amount;
    },
    codeHashOf(address) {
      const hash = random(2) === 0 ? null : noiseBytes(random, 32);
      tell("codeHashOf", [address, hash]);
      return hash;
    },
    transfer(to, amount) {
      const refusal = random(2) === 0 ? pick(random, refusalReasons) : null;
      tell("transfer", [to, amount, refusal], { isEffect: true });
      return refusal;
    },
    call: ({ frame, value, ...rest }) => answer("call", frame, value, rest),
    create({ frame, value, ...rest }) {
      const created = noiseBytes(random, 32);
      return { ...answer("create", frame, value, [rest, created]), created };
    },
    upgrade: ({ frame, ...rest }) => answer("upgrade", frame, 0n, rest),
    emit(topics, data) {
      const taken = random(4) > 0;
      tell("emit", [topics, data, taken], { isEffect: taken });
      return taken;
    },
    debugLog: (text) => tell("debugLog", text, { isEffect: true }),
  };
}

function* scan({ storage }: HostCase, range: Parameters<Host["storageScan"]>[0]): Generator<ScannedEntry, undefined> {
  const { start, end, reverse } = range;
  const found = storage
    .filter(({ key }) => compareBytes(key, start) >= 0 && (end === null || compareBytes(key, end) < 0))
    .sort((a, b) => compareBytes(a.key, b.key));
  if (reverse) found.reverse();
  yield* found;
  return undefined;
}

function createOutcome(random: (below: number) => number): MessageResult["outcome"] {
  const data = noiseBytes(random, pick(random, [0, 1, 100, 65_536]));
  switch (random(4)) {
    case 0:
      return { kind: "revert", code: random(2 ** 32), data };
    case 1:
      return { kind: "halt", reason: pick(random, haltReasons) };
    case 2:
      return { kind: "refused", reason: pick(random, refusalReasons) };
    default:
      return { kind: "success", data };
  }
}

/** Text by which two observations are compared. */
export function show(value: unknown): string {
  return JSON.stringify(value, (_, item) => {
    if (item instanceof Uint8Array) return showBytes(item);
    return typeof item === "bigint" ? `${item}n` : item;
  });
}

function showBytes(bytes: Uint8Array): string {
  if (bytes.length <= 64) return Buffer.from(bytes).toString("hex");
  return `${bytes.length} bytes, ${createHash("sha256").update(bytes).digest("hex")}`;
}
