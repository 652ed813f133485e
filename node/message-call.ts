/**
 * Messages: a call, the creation of a contract, or an upgrade, asked for by a transaction or by a contract that runs.
 *
 *     message ── depth ── load the code ── may it be called so? ── move the value ── run ── keep, or undo, its effects
 *                                                                                  │
 *                                                       message of the contract ◄──┘
 *
 * Law: a message that does not succeed leaves nothing but the gas it used: no write, value, event or created contract, of its
 * own or of what it called. Whoever sent it goes on. All messages of a transaction share one scope and one depth.
 */
import { equalBytes } from "../vm/borsh.ts";
import {
  type CallContext,
  callContract,
  type Engine,
  type Frame,
  type Host,
  INIT_METHOD,
  type MessageResult,
  MIGRATE_METHOD,
  type PreparedContract,
  type RefusalReason,
} from "../vm/contract.ts";
import { assert } from "../vm/errors.ts";
import { INPUT_SIZE_MAX } from "../vm/host-fns/message.ts";
import { LOAD_BYTE_GAS, LOAD_FUNCTION_GAS } from "../vm/metering/schedule.ts";
import type { HaltReason } from "../vm/outcome.ts";
import { CALL_BORDER_HEIGHT, CALL_DEPTH_MAX } from "../vm/profile.ts";
import { type ContractOrigin, contractAddress } from "./address.ts";
import type { Event } from "./block.ts";
import type { ContractCache } from "./contract-cache.ts";
import { hash } from "./crypto.ts";
import {
  type Account,
  accountKey,
  BALANCE_MAX,
  codeInfoKey,
  codeKey,
  decodeAccount,
  decodeCodeInfo,
  emptyAccount,
  encodeAccount,
  scanStorage,
  storageKey,
} from "./state/account.ts";
import type { Journal, StateReader } from "./state/journal.ts";

/** Events of one transaction: count, and bytes of topics and data together. */
export const EVENT_COUNT_MAX = 1_024;
export const EVENT_BYTES_MAX = 256 * 1024;
/** Lines of debug text kept for one transaction. */
const LOG_COUNT_MAX = 256;

/** What all messages of one transaction share. */
export interface TransactionScope {
  readonly journal: Journal;
  readonly contracts: ContractCache;
  readonly engine: Engine;
  readonly chainId: string;
  readonly blockHeight: number;
  readonly blockTime: number;
  readonly signer: Uint8Array;
  /** What random bytes follow from: the parent block's hash and the transaction's. */
  readonly randomSeed: Uint8Array;
  randomCount: number;
  readonly events: Event[];
  /** Bytes of topics and data in `events`. */
  eventBytes: number;
  /** Addresses of the contracts made, in order. */
  readonly created: Uint8Array[];
  /** Addresses of the contracts that run or wait for one they called, outermost first. */
  readonly stack: Uint8Array[];
  /** Hashes of the code that the transaction has paid the loading of. */
  readonly loadedCode: Set<string>;
  /** Outside consensus. */
  readonly logs: string[];
}

export type ScopeOptions = Pick<
  TransactionScope,
  "journal" | "contracts" | "engine" | "chainId" | "blockHeight" | "blockTime" | "signer" | "randomSeed"
>;

export function createScope(options: ScopeOptions): TransactionScope {
  return {
    ...options,
    randomCount: 0,
    events: [],
    eventBytes: 0,
    created: [],
    stack: [],
    loadedCode: new Set(),
    logs: [],
  };
}

/** The frame of a message that a transaction sends. */
export function outermostFrame(gasLimit: number, readOnly = false): Frame {
  return { gasLimit, stackHeight: 0, readOnly };
}

export interface Message {
  readonly caller: Uint8Array;
  readonly contract: Uint8Array;
  readonly method: string;
  readonly args: Uint8Array;
  readonly value: bigint;
  readonly frame: Frame;
}

export interface Creation {
  readonly creator: Uint8Array;
  readonly origin: ContractOrigin["origin"];
  readonly codeHash: Uint8Array;
  readonly args: Uint8Array;
  readonly value: bigint;
  readonly frame: Frame;
}

export function readAccount(state: StateReader, address: Uint8Array): Account {
  const encoded = state.get(accountKey(address));
  return encoded === undefined ? emptyAccount : decodeAccount(encoded);
}

export function writeAccount(journal: Journal, address: Uint8Array, account: Account): void {
  journal.set(accountKey(address), encodeAccount(account));
}

/** Moves `amount`. Returns why it cannot, and then has moved nothing. */
export function moveBalance(
  journal: Journal,
  source: Uint8Array,
  target: Uint8Array,
  amount: bigint,
): RefusalReason | null {
  if (amount === 0n) return null;
  const payer = readAccount(journal, source);
  if (payer.balance < amount) return "InsufficientBalance";
  writeAccount(journal, source, { ...payer, balance: payer.balance - amount });
  // Read after the write, so that paying oneself changes nothing.
  const payee = readAccount(journal, target);
  if (payee.balance + amount > BALANCE_MAX) {
    writeAccount(journal, source, payer);
    return "BalanceOverflow";
  }
  writeAccount(journal, target, { ...payee, balance: payee.balance + amount });
  return null;
}

/** As `moveBalance`, to an account: a contract learns of value by a call to a payable method, never behind its back. */
export function transferBalance(
  journal: Journal,
  source: Uint8Array,
  target: Uint8Array,
  amount: bigint,
): RefusalReason | null {
  if (readAccount(journal, target).codeHash !== null) return "NotPayable";
  return moveBalance(journal, source, target, amount);
}

/** Whether code was uploaded. */
export function isStored(journal: Journal, codeHash: Uint8Array): boolean {
  return journal.get(codeInfoKey(codeHash)) !== undefined;
}

/** Calls a method that is there to be called. */
export function callMessage(scope: TransactionScope, message: Message): MessageResult {
  return attempt(scope, message.frame, message.contract, () => {
    const { codeHash } = readAccount(scope.journal, message.contract);
    if (codeHash === null) return refused("NotAContract");
    if (message.method === INIT_METHOD || message.method === MIGRATE_METHOD) return refused("NoSuchMethod");
    return runCode(scope, codeHash, message, runMethod);
  });
}

/** Makes a contract and runs its `init`; one without `init` takes no arguments. */
export function createMessage(
  scope: TransactionScope,
  { creator, origin, codeHash, args, value, frame }: Creation,
): MessageResult & { readonly created: Uint8Array } {
  const { journal } = scope;
  const created = contractAddress({ creator, origin, codeHash });
  const result = attempt(scope, frame, created, () => {
    if (!isStored(journal, codeHash)) return refused("UnknownCode");
    // An address that only holds funds is free: whoever sent them there early gave them to the contract.
    const account = readAccount(journal, created);
    if (account.codeHash !== null) return refused("AddressTaken");
    writeAccount(journal, created, { ...account, codeHash });
    scope.created.push(created);
    const message = { caller: creator, contract: created, method: INIT_METHOD, args, value, frame };
    return runCode(scope, codeHash, message, runSpecial);
  });
  return { ...result, created };
}

/** Gives a contract other code and runs that code's `migrate`; code without `migrate` takes no arguments. */
function upgradeMessage(
  scope: TransactionScope,
  { contract, codeHash, args, frame }: Pick<Message, "contract" | "args" | "frame"> & { codeHash: Uint8Array },
): MessageResult {
  const { journal } = scope;
  return attempt(scope, frame, contract, () => {
    if (!isStored(journal, codeHash)) return refused("UnknownCode");
    writeAccount(journal, contract, { ...readAccount(journal, contract), codeHash });
    const message = { caller: contract, contract, method: MIGRATE_METHOD, args, value: 0n, frame };
    return runCode(scope, codeHash, message, runSpecial);
  });
}

/** Runs a message one step deeper, and undoes its effects unless it succeeds. */
function attempt(scope: TransactionScope, frame: Frame, contract: Uint8Array, run: () => MessageResult): MessageResult {
  if (scope.stack.length >= CALL_DEPTH_MAX) return halted("CallDepth", frame);
  const { journal, events, created } = scope;
  const before = { eventCount: events.length, eventBytes: scope.eventBytes, createdCount: created.length };
  const checkpoint = journal.checkpoint();
  scope.stack.push(contract);
  const result = run();
  scope.stack.pop();
  if (result.outcome.kind === "success") {
    journal.commit(checkpoint);
  } else {
    journal.revert(checkpoint);
    events.length = before.eventCount;
    scope.eventBytes = before.eventBytes;
    created.length = before.createdCount;
  }
  return result;
}

/**
 * Prepares code and goes on with what gas is left. A transaction pays for loading each code once, whether or not it was at
 * hand, and before anything is done about it.
 */
function runCode(
  scope: TransactionScope,
  codeHash: Uint8Array,
  message: Message,
  run: (scope: TransactionScope, contract: PreparedContract, message: Message) => MessageResult,
): MessageResult {
  const { frame } = message;
  const name = String(codeHash);
  const loadGas = scope.loadedCode.has(name) ? 0 : loadGasOf(scope.journal, codeHash);
  if (loadGas > frame.gasLimit) return halted("OutOfGas", frame);
  scope.loadedCode.add(name);
  const contract = scope.contracts.prepare(codeHash, () => {
    const code = scope.journal.get(codeKey(codeHash));
    assert(code !== undefined, "an account refers to code that is not stored");
    return code;
  });
  const loaded = { ...message, frame: { ...frame, gasLimit: frame.gasLimit - loadGas } };
  const { outcome, gasUsed } = run(scope, contract, loaded);
  return { outcome, gasUsed: gasUsed + loadGas };
}

function loadGasOf(journal: Journal, codeHash: Uint8Array): number {
  const info = journal.get(codeInfoKey(codeHash));
  assert(info !== undefined, "an account refers to code that is not stored");
  const { size, functionCount } = decodeCodeInfo(info);
  return size * LOAD_BYTE_GAS + functionCount * LOAD_FUNCTION_GAS;
}

/** `init` or `migrate`, which a contract may lack. */
function runSpecial(scope: TransactionScope, contract: PreparedContract, message: Message): MessageResult {
  if (contract.methods.has(message.method)) return runMethod(scope, contract, message);
  if (message.args.length > 0) return refused("NoSuchMethod");
  const failure = moveBalance(scope.journal, message.caller, message.contract, message.value);
  return failure === null ? { outcome: { kind: "success", data: new Uint8Array() }, gasUsed: 0 } : refused(failure);
}

function runMethod(scope: TransactionScope, contract: PreparedContract, message: Message): MessageResult {
  const { method, value, args, frame } = message;
  const description = contract.methods.get(method);
  if (description === undefined) return refused("NoSuchMethod");
  if (args.length > INPUT_SIZE_MAX) return refused("InputTooLarge");
  const { mutability, access } = description ?? { mutability: null, access: "public" };
  if (access === "private" && !equalBytes(message.caller, message.contract)) return refused("PrivateMethod");
  // A contract without an ABI says nothing about value, so it gets what it is given.
  if (value > 0n && (mutability === "view" || mutability === "call")) return refused("NotPayable");
  if (access === "public" && method !== MIGRATE_METHOD && isWaiting(scope, message.contract)) {
    return halted("Reentrancy", frame);
  }
  const failure = moveBalance(scope.journal, message.caller, message.contract, value);
  if (failure !== null) return refused(failure);
  return callContract(contract, {
    method,
    input: args,
    gasLimit: frame.gasLimit,
    readOnly: frame.readOnly,
    stackHeight: scope.stack.length === 1 ? 0 : frame.stackHeight + CALL_BORDER_HEIGHT,
    engine: scope.engine,
    host: createHost(scope, message),
  });
}

/** True for a contract that called, by whatever ways, the one that begins now. */
function isWaiting({ stack }: TransactionScope, contract: Uint8Array): boolean {
  return stack.slice(0, -1).some((address) => equalBytes(address, contract));
}

function refused(reason: RefusalReason): MessageResult {
  return { outcome: { kind: "refused", reason }, gasUsed: 0 };
}

function halted(reason: HaltReason, { gasLimit }: Frame): MessageResult {
  return { outcome: { kind: "halt", reason }, gasUsed: gasLimit };
}

function createHost(scope: TransactionScope, message: Message): Host {
  const { journal, events, logs } = scope;
  const self = message.contract;
  const context: CallContext = {
    self,
    caller: message.caller,
    signer: scope.signer,
    value: message.value,
    blockHeight: scope.blockHeight,
    blockTime: scope.blockTime,
    chainId: scope.chainId,
  };
  return {
    context,
    random: () => nextRandom(scope),
    storageGet: (key) => journal.get(storageKey(self, key)),
    storageSet: (key, value) => journal.set(storageKey(self, key), value),
    storageRemove: (key) => journal.remove(storageKey(self, key)),
    storageScan: (range) => scanStorage(journal, self, range),
    emit(topics, data) {
      const size = topics.reduce((sum, topic) => sum + topic.length, data.length);
      if (events.length >= EVENT_COUNT_MAX || scope.eventBytes + size > EVENT_BYTES_MAX) return false;
      events.push({ contract: self, topics, data });
      scope.eventBytes += size;
      return true;
    },
    balanceOf: (address) => readAccount(journal, address).balance,
    codeHashOf: (address) => readAccount(journal, address).codeHash,
    transfer: (to, amount) => transferBalance(journal, self, to, amount),
    call: (request) => callMessage(scope, { ...request, caller: self }),
    create({ salt, ...request }) {
      return createMessage(scope, { ...request, creator: self, origin: { kind: "salt", salt } });
    },
    upgrade: (request) => upgradeMessage(scope, { ...request, contract: self }),
    debugLog(text) {
      if (logs.length < LOG_COUNT_MAX) logs.push(text);
    },
  };
}

/** Another value each time a transaction asks, failed messages included, so that none can be had twice. */
function nextRandom(scope: TransactionScope): Uint8Array {
  const { randomSeed } = scope;
  const payload = new Uint8Array(randomSeed.length + 4);
  payload.set(randomSeed);
  new DataView(payload.buffer).setUint32(randomSeed.length, scope.randomCount++, true);
  return hash("random", payload);
}
