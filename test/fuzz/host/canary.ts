/**
 * The canaries: for every law one host function with a mistake that breaks it, as small as such mistakes are. A fuzzer that
 * finds one of them late or never watches nothing.
 */
import { type HostCall, halt } from "../../../vm/host-fns/host.ts";
import { type HostFunction, type HostImplementation, hostFunctions } from "../../../vm/host-fns/table.ts";
import type { HostPrice } from "../../../vm/metering/schedule.ts";
import { createRandom } from "../../support/programs.ts";
import { createCase } from "./case.ts";
import { judge, type LawName } from "./laws.ts";
import { entryPrice } from "./roles.ts";

type Run = (call: HostCall, price: HostPrice, ...args: number[]) => number | bigint | void;

interface Canary {
  readonly function: string;
  readonly mistake: string;
  readonly run: (original: Run, fn: HostFunction) => Run;
}

const CASES_MAX = 5_000;
const free: HostPrice = { base: 0, perByte: 0, perItem: 0 };

/** Does all of it, and charges when it is done. */
const paysLate: Canary["run"] = (original, fn) => {
  return (call, _, ...args) => {
    const result = original(call, free, ...args);
    call.charge(entryPrice(fn, args));
    return result;
  };
};

const canaries: Record<LawName, Canary> = {
  endsAsAGuestCan: {
    function: "sha256",
    mistake: "makes room for as many bytes as a length says",
    run: (original) => (call, price, pointer, length, out) => {
      new Uint8Array(length!);
      return original(call, price, pointer!, length!, out!);
    },
  },
  gasNeverRises: {
    function: "storage_remove",
    mistake: "gives gas back",
    run:
      (original) =>
      (call, ...rest) => {
        original(call, ...rest);
        call.gas += 1;
      },
  },
  boundsComeFirst: {
    function: "storage_get",
    mistake: "checks one pointer too late",
    run:
      (original) =>
      (call, price, ...args) => {
        const size = original(call, price, ...args);
        call.checkRegion(args[2]!, args[3]!);
        return size;
      },
  },
  isPaidExactly: {
    function: "storage_set",
    mistake: "forgets the price of a byte",
    run:
      (original) =>
      (call, price, ...args) =>
        original(call, { ...price, perByte: 0 }, ...args),
  },
  isPaidBeforeItActs: { function: "blake3", mistake: "hashes before it charges", run: paysLate },
  everyByteHasAPrice: {
    function: "p256_verify",
    mistake: "reads a key of any length",
    run:
      (original) =>
      (call, price, ...args) => {
        const holds = original(call, price, ...args);
        call.read(args[2]!, args[3]!);
        return holds;
      },
  },
  nothingIsHalfWritten: { function: "storage_set", mistake: "writes before it charges", run: paysLate },
  aViewChangesNothing: {
    function: "storage_remove",
    mistake: "does not ask whether it may write",
    run: () => (call, price, key, keyLength) => {
      call.checkRegion(key!, keyLength!);
      call.charge(price.base + price.perByte * (keyLength! >>> 0));
      call.host.storageRemove(call.read(key!, keyLength!));
    },
  },
  memoryChangesOnlyAtTheOutput: {
    function: "self_address",
    mistake: "writes one byte too many",
    run: () => (call, price, out) => {
      call.checkRegion(out!, 33);
      call.charge(price.base);
      call.write(out!, Uint8Array.of(...call.host.context.self, 0));
    },
  },
  whatIsTouchedWasChecked: {
    function: "debug_log",
    mistake: "checks no bounds",
    run: () => (call, price, pointer, length) => {
      call.charge(price.base + price.perByte * (length! >>> 0));
      call.host.debugLog(new TextDecoder().decode(call.read(pointer!, length!)));
    },
  },
  aRegionOutsideMemoryHalts: {
    function: "storage_has",
    mistake: "takes pointers for signed numbers",
    run: (original) => (call, price, key, keyLength) => original(call, price, Math.max(0, key!), keyLength!),
  },
  aResultIsCopiedWholeOrNot: {
    function: "input",
    mistake: "copies as much as fits",
    run: (original) => (call, price, out, capacity) => {
      const size = original(call, price, out!, capacity!);
      call.write(out!, call.input.subarray(0, capacity! >>> 0));
      return size;
    },
  },
  aMessageGetsWhatItMay: {
    function: "upgrade",
    mistake: "takes the low half of the gas asked for",
    run: (original) => (call, price, codeHash, args, argsLength, gas) => {
      const low = BigInt.asUintN(32, BigInt(gas!)) as unknown as number;
      return original(call, price, codeHash!, args!, argsLength!, low);
    },
  },
  gasLeftIsTold: {
    function: "gas_left",
    mistake: "tells the gas from before it was paid",
    run: () => (call, price) => {
      const before = BigInt(call.gas);
      call.charge(price.base);
      return before;
    },
  },
  sameCaseSameCall: {
    function: "code_hash",
    mistake: "remembers the call before",
    run: (original) => {
      let calls = 0;
      return (call, ...rest) => {
        original(call, ...rest);
        return calls++ & 1;
      };
    },
  },
  gasCountsToTheLast: {
    function: "last_result_size",
    mistake: "never lets go of the last gas",
    run:
      (original) =>
      (call, ...rest) => {
        const result = original(call, ...rest);
        if (call.gas === 0) halt("OutOfGas");
        return result;
      },
  },
  enginesAgree: {
    function: "storage_has",
    mistake: "says the opposite",
    run:
      (original) =>
      (...args) =>
        1 - (original(...args) as number),
  },
};

export interface FoundCanary {
  readonly law: LawName;
  readonly function: string;
  readonly mistake: string;
  readonly caseCount: number;
}

/** How many cases each took. Throws when so many did not suffice for one. */
export function findHostCanaries(): readonly FoundCanary[] {
  return Object.entries(canaries).map(([name, canary]) => {
    const law = name as LawName;
    const sound = hostFunctions.get(canary.function)!;
    const run = canary.run(sound.run as Run, sound) as HostImplementation;
    const faulty: HostFunction = { ...sound, run };
    for (let seed = 0; seed < CASES_MAX; seed++) {
      const hostCase = { ...createCase(faulty, createRandom(seed)), inEngines: law === "enginesAgree" };
      if (judge(faulty, hostCase).breaches.some((breach) => breach.law === law)) {
        return { law, function: canary.function, mistake: canary.mistake, caseCount: seed + 1 };
      }
    }
    throw new Error(`a canary lives: ${canary.function} ${canary.mistake}, and ${law} never noticed`);
  });
}
