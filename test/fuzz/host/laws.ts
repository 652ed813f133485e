/**
 * What every host function keeps to, whatever it is called with. Each law looks at one observed call, or at the same case
 * run again, and says what is wrong; null when nothing is.
 */
import type { HostFunction } from "../../../vm/host-fns/table.ts";
import { type HostCase, memoryOf } from "./case.ts";
import { engineDifference } from "./engines.ts";
import { argumentOf, declaredSize, entryPrice, regionsOf, sizeOf } from "./roles.ts";
import { type HostStep, hostStepsOf, type Observation, runCase, STACK_HEIGHT, show } from "./run.ts";

type Law = (fn: HostFunction, hostCase: HostCase, seen: Observation) => string | null;

function didEnd({ ending }: Observation): boolean {
  return ending.kind === "returned" || ending.kind === "revert";
}

const endsAsAGuestCan: Law = ({ result }, _, { ending }) => {
  if (ending.kind === "fault") return `it threw ${String(ending.error)}`;
  if (ending.kind !== "returned") return null;
  const { value } = ending;
  if (result === null) return value === undefined ? null : `it returned ${show(value)}, and should nothing`;
  if (result === "i64") {
    return typeof value === "bigint" && BigInt.asIntN(64, value) === value ? null : `${String(value)} is no i64`;
  }
  return typeof value === "number" && (value | 0) === value && !Object.is(value, -0)
    ? null
    : `${String(value)} is no i32`;
};

const gasNeverRises: Law = (_, __, { steps, gasGiven, gasLeft }) => {
  let before = gasGiven;
  for (const { kind, gasLeft: after } of [...steps, { kind: "end", gasLeft }]) {
    if (after > before) return `gas rose from ${before} to ${after} at ${kind}`;
    before = after;
  }
  return null;
};

/** Bytes that the result carries to the guest. */
function sizeCarried(fn: HostFunction, { ending, steps }: Observation): number {
  if (!fn.paramNames.includes("capacity") || ending.kind !== "returned") return 0;
  const visited = hostStepsOf({ steps }).filter(({ method }) => method === "next");
  // What frames a list is paid with its items.
  if (visited.length > 0) return visited.reduce((sum, { size }) => sum + size, 0);
  return Math.max(0, Number(ending.value));
}

const isPaidExactly: Law = (fn, { args }, seen) => {
  if (!didEnd(seen)) return null;
  const { perByte, perItem } = fn.price;
  let due = entryPrice(fn, args) + perByte * sizeCarried(fn, seen);
  for (const { method, message } of hostStepsOf(seen)) {
    due += (method === "next" ? perItem : 0) + (message?.gasUsed ?? 0);
  }
  const paid = seen.gasGiven - seen.gasLeft;
  return paid === due ? null : `it paid ${paid} gas where ${due} are due`;
};

const boundsComeFirst: Law = (_, __, { steps }) => {
  const charge = steps.findIndex(({ kind }) => kind === "charge");
  const late = steps.find(({ kind }, i) => kind === "check" && charge >= 0 && i > charge);
  return late === undefined ? null : `${show(late)} was checked after gas was charged`;
};

/** Refused early, on its sizes alone, a call may have paid nothing; then it has touched nothing either. */
const isPaidBeforeItActs: Law = (fn, { args }, seen) => {
  let due = entryPrice(fn, args);
  for (const step of seen.steps) {
    if (step.kind === "check" || step.kind === "charge") continue;
    if (step.kind === "host" && step.method === "next") due += fn.price.perItem;
    const paid = seen.gasGiven - step.gasLeft;
    const owed = step.kind === "write" ? due + fn.price.perByte * sizeCarried(fn, seen) : due;
    if (paid < owed) return `${step.kind === "host" ? step.method : step.kind} after ${paid} of ${owed} gas`;
    if (step.gasLeft < 0) return `${step.kind} with no gas left`;
  }
  return null;
};

/** Bytes beside those with a price of their own: arguments and results of fixed size, and what frames an item. */
const FIXED_SIZE_MAX = 512;

const everyByteHasAPrice: Law = (fn, { args }, seen) => {
  const touched = seen.steps.reduce(
    (sum, step) => sum + (step.kind === "read" || step.kind === "write" ? step.size : 0),
    0,
  );
  const priced = fn.price.perByte > 0 ? declaredSize(fn, args) + sizeCarried(fn, seen) : 0;
  const visited = hostStepsOf(seen).filter(({ method }) => method === "next").length;
  const items = fn.price.perItem > 0 ? visited + (argumentOf(fn, args, "count") ?? 0) : 0;
  return touched <= priced + FIXED_SIZE_MAX * (1 + items) ? null : `${touched} bytes touched, of which ${priced} paid`;
};

const nothingIsHalfWritten: Law = (_, hostCase, seen) => {
  if (seen.ending.kind !== "halt" && seen.ending.kind !== "revert") return null;
  const effect = hostStepsOf(seen).find(({ isEffect }) => isEffect);
  if (effect !== undefined) return `${effect.method} ${effect.shown} before the call ended with ${show(seen.ending)}`;
  if (Buffer.compare(seen.memory, memoryOf(hostCase)) !== 0) return "memory was written";
  const lastResult = hostCase.inputFetched ? hostCase.input : new Uint8Array();
  if (Buffer.compare(seen.lastResult, lastResult) !== 0) return "the last result changed";
  return seen.returnData.length === 0 ? null : "return data was set";
};

const changes = new Set<HostStep["method"]>(["storageSet", "storageRemove", "emit", "transfer", "create", "upgrade"]);

const aViewChangesNothing: Law = (fn, { readOnly }, seen) => {
  for (const { method, message } of hostStepsOf(seen)) {
    if (readOnly && changes.has(method)) return `${method} in read-only mode`;
    if (message === null) continue;
    if (message.frame.readOnly !== (readOnly || fn.name === "view")) return "a frame with the wrong read-only flag";
    if (message.frame.readOnly && message.value > 0n) return `${message.value} sent in read-only mode`;
  }
  return null;
};

const memoryChangesOnlyAtTheOutput: Law = (fn, hostCase, { memory }) => {
  const before = memoryOf(hostCase);
  const region = regionsOf(fn).find(({ name }) => name === "out");
  const out = region === undefined ? 0 : Number(hostCase.args[region.pointer]) >>> 0;
  const size = region === undefined ? 0 : sizeOf(fn, region, hostCase.args);
  const differs = (from: number, to: number) =>
    Buffer.compare(before.subarray(from, to), memory.subarray(from, to)) !== 0;
  if (memory.length !== before.length) return "memory has another size";
  return differs(0, out) || differs(out + size, before.length) ? `a byte outside ${size} at ${out} changed` : null;
};

const whatIsTouchedWasChecked: Law = (_, __, { steps }) => {
  const checked: { at: number; size: number }[] = [];
  for (const step of steps) {
    if (step.kind === "check") checked.push(step);
    if (step.kind !== "read" && step.kind !== "write") continue;
    const { at, size } = step;
    if (!checked.some((region) => region.at <= at && at + size <= region.at + region.size)) {
      return `${step.kind} of ${size} bytes at ${at}, which was not checked`;
    }
  }
  return null;
};

const aRegionOutsideMemoryHalts: Law = (fn, { args }, { ending, memory }) => {
  if (ending.kind === "halt" && ending.reason !== "OutOfGas") return null;
  for (const region of regionsOf(fn)) {
    const size = sizeOf(fn, region, args);
    const at = Number(args[region.pointer]) >>> 0;
    if (at + size > memory.length) return `${region.name}: ${size} bytes at ${at}, and it ended with ${show(ending)}`;
  }
  return null;
};

const aResultIsCopiedWholeOrNot: Law = (fn, hostCase, { ending, memory, lastResult }) => {
  const capacity = argumentOf(fn, hostCase.args, "capacity");
  if (capacity === null || ending.kind !== "returned" || Number(ending.value) < 0) return null;
  if (ending.value !== lastResult.length) return `it returned ${show(ending.value)} for ${lastResult.length} bytes`;
  const out = argumentOf(fn, hostCase.args, "out")!;
  const expected = memoryOf(hostCase);
  if (lastResult.length <= capacity) expected.set(lastResult, out);
  return Buffer.compare(memory, expected) === 0 ? null : "the result is in memory in part";
};

const aMessageGetsWhatItMay: Law = (fn, { args }, seen) => {
  for (const step of seen.steps) {
    if (step.kind !== "host" || step.message === null) continue;
    const { gasLimit, stackHeight } = step.message.frame;
    const left = BigInt(step.gasLeft);
    const most = left - left / 64n;
    const asked = BigInt.asUintN(64, args[fn.paramNames.indexOf("gas")] as bigint);
    const due = asked < most ? asked : most;
    if (!Number.isSafeInteger(gasLimit) || BigInt(gasLimit) !== due) return `a frame of ${gasLimit} gas for ${due}`;
    if (stackHeight !== STACK_HEIGHT) return `a frame at stack height ${stackHeight}`;
  }
  return null;
};

const gasLeftIsTold: Law = (fn, _, { ending, gasLeft }) => {
  if (fn.name !== "gas_left" || ending.kind !== "returned") return null;
  return ending.value === BigInt(gasLeft) ? null : `it told ${String(ending.value)} of ${gasLeft}`;
};

/** How two observations differ in what may not depend on the gas given; null when they do not. */
function differenceOf(fn: HostFunction, one: Observation, two: Observation): string | null {
  if (Buffer.compare(one.memory, two.memory) !== 0) return "another memory";
  const [a, b] = [one, two].map(({ ending, lastResult, returnData, steps }) => {
    const told = fn.name === "gas_left" && ending.kind === "returned" ? "gas" : ending;
    const error = ending.kind === "fault" ? String(ending.error) : "";
    return show([told, error, lastResult, returnData, hostStepsOf({ steps }).map(({ shown }) => shown)]);
  });
  return a === b ? null : `${b} instead of ${a}`;
}

const sameCaseSameCall: Law = (fn, hostCase, seen) => {
  const again = runCase(hostCase, fn);
  if (again.gasLeft !== seen.gasLeft) return `${seen.gasLeft} gas left, then ${again.gasLeft}`;
  return differenceOf(fn, seen, again);
};

/**
 * With exactly the gas it paid, a call does the same; with one less it runs out, and touches nothing. What messages used is
 * not part of that: they get the less the less there is, and leave enough for what comes after them, which costs nothing.
 */
const gasCountsToTheLast: Law = (fn, hostCase, seen) => {
  if (!didEnd(seen)) return null;
  const forMessages = hostStepsOf(seen).reduce((sum, { message }) => sum + (message?.gasUsed ?? 0), 0);
  const needed = seen.gasGiven - seen.gasLeft - forMessages;
  const exact = runCase(hostCase, fn, needed);
  if (exact.gasLeft !== 0) return `with its exact ${needed} gas, ${exact.gasLeft} is left`;
  const difference = differenceOf(fn, seen, exact);
  if (difference !== null) return `with its exact ${needed} gas: ${difference}`;
  const less = runCase(hostCase, fn, needed - 1);
  if (less.ending.kind !== "halt" || less.ending.reason !== "OutOfGas") {
    return `with one gas less than ${needed} it ended with ${show(less.ending)}`;
  }
  return nothingIsHalfWritten(fn, hostCase, less) ?? isPaidBeforeItActs(fn, hostCase, less);
};

const enginesAgree: Law = (fn, hostCase, seen) => {
  if (!hostCase.inEngines || seen.ending.kind === "fault") return null;
  try {
    return engineDifference(fn, hostCase, seen);
  } catch (error) {
    return String(error);
  }
};

const lawsByName = {
  endsAsAGuestCan,
  gasNeverRises,
  boundsComeFirst,
  isPaidExactly,
  isPaidBeforeItActs,
  everyByteHasAPrice,
  nothingIsHalfWritten,
  aViewChangesNothing,
  memoryChangesOnlyAtTheOutput,
  whatIsTouchedWasChecked,
  aRegionOutsideMemoryHalts,
  aResultIsCopiedWholeOrNot,
  aMessageGetsWhatItMay,
  gasLeftIsTold,
  sameCaseSameCall,
  gasCountsToTheLast,
  enginesAgree,
} as const satisfies Record<string, Law>;

export type LawName = keyof typeof lawsByName;

export interface Breach {
  readonly law: LawName;
  readonly what: string;
}

export function judge(fn: HostFunction, hostCase: HostCase): { seen: Observation; breaches: readonly Breach[] } {
  const seen = runCase(hostCase, fn);
  const breaches: Breach[] = [];
  for (const law of Object.keys(lawsByName) as LawName[]) {
    const what = lawsByName[law](fn, hostCase, seen);
    if (what !== null) breaches.push({ law, what });
  }
  return { seen, breaches };
}
