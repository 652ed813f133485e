/**
 * One message to a contract: moves the value, finds the code, runs the method, and is the `Host` that the running contract
 * sees. Effects go to the journal; whoever calls holds the checkpoint that undoes them.
 */
import { type CallContext, callContract, type Host, INIT_METHOD, type PreparedContract } from "../vm/contract.ts";
import { assert } from "../vm/errors.ts";
import { INPUT_SIZE_MAX } from "../vm/host-fns/message.ts";
import type { Outcome } from "../vm/outcome.ts";
import type { Event, RefusalReason } from "./block.ts";
import type { ContractCache } from "./contract-cache.ts";
import {
  type Account,
  accountKey,
  BALANCE_MAX,
  codeKey,
  decodeAccount,
  emptyAccount,
  encodeAccount,
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
  readonly chainId: string;
  readonly blockHeight: number;
  readonly blockTime: number;
  readonly signer: Uint8Array;
  readonly events: Event[];
  /** Bytes of topics and data in `events`. */
  eventBytes: number;
  /** Outside consensus. */
  readonly logs: string[];
}

export interface Message {
  readonly caller: Uint8Array;
  readonly contract: Uint8Array;
  readonly method: string;
  readonly args: Uint8Array;
  readonly value: bigint;
  readonly gasLimit: number;
  readonly readOnly: boolean;
}

/** The chain would not run it, and why; nothing was changed and the message's gas is unspent. */
export interface Refusal {
  readonly kind: "refused";
  readonly reason: RefusalReason;
}

export interface MessageResult {
  readonly outcome: Outcome | Refusal;
  readonly gasUsed: number;
}

export function readAccount(state: StateReader, address: Uint8Array): Account {
  const encoded = state.get(accountKey(address));
  return encoded === undefined ? emptyAccount : decodeAccount(encoded);
}

export function writeAccount(journal: Journal, address: Uint8Array, account: Account): void {
  journal.set(accountKey(address), encodeAccount(account));
}

function refused(reason: RefusalReason): MessageResult {
  return { outcome: { kind: "refused", reason }, gasUsed: 0 };
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

/** The prepared code of a contract; undefined for an address that has none. */
export function contractAt(scope: TransactionScope, address: Uint8Array): PreparedContract | undefined {
  const { codeHash } = readAccount(scope.journal, address);
  if (codeHash === null) return undefined;
  const code = scope.journal.get(codeKey(codeHash));
  assert(code !== undefined, "an account refers to code that is not stored");
  return scope.contracts.prepare(codeHash, code);
}

/** Calls a method that anybody may call. */
export function callMessage(scope: TransactionScope, message: Message): MessageResult {
  const contract = contractAt(scope, message.contract);
  if (contract === undefined) return refused("NotAContract");
  if (message.method === INIT_METHOD) return refused("NoSuchMethod");
  return runMethod(scope, contract, message);
}

/** Runs the `init` of a contract that was just created; one without `init` takes no arguments. */
export function initMessage(scope: TransactionScope, message: Omit<Message, "method" | "readOnly">): MessageResult {
  const contract = contractAt(scope, message.contract);
  assert(contract !== undefined, "a contract was created without code");
  if (contract.methods.has(INIT_METHOD)) {
    return runMethod(scope, contract, { ...message, method: INIT_METHOD, readOnly: false });
  }
  if (message.args.length > 0) return refused("NoSuchMethod");
  const failure = moveBalance(scope.journal, message.caller, message.contract, message.value);
  if (failure !== null) return refused(failure);
  return { outcome: { kind: "success", data: new Uint8Array() }, gasUsed: 0 };
}

function runMethod(scope: TransactionScope, contract: PreparedContract, message: Message): MessageResult {
  const { method, value, args } = message;
  const description = contract.methods.get(method);
  if (description === undefined) return refused("NoSuchMethod");
  if (args.length > INPUT_SIZE_MAX) return refused("InputTooLarge");
  // A contract without an ABI says nothing about value, so it gets what it is given.
  if (value > 0n && (description?.mutability === "view" || description?.mutability === "call")) {
    return refused("NotPayable");
  }
  const failure = moveBalance(scope.journal, message.caller, message.contract, value);
  if (failure !== null) return refused(failure);
  return callContract(contract, {
    method,
    input: args,
    gasLimit: message.gasLimit,
    readOnly: message.readOnly,
    host: createHost(scope, message),
  });
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
    storageGet: (key) => journal.get(storageKey(self, key)),
    storageSet: (key, value) => journal.set(storageKey(self, key), value),
    storageRemove: (key) => journal.remove(storageKey(self, key)),
    emit(topics, data) {
      const size = topics.reduce((sum, topic) => sum + topic.length, data.length);
      if (events.length >= EVENT_COUNT_MAX || scope.eventBytes + size > EVENT_BYTES_MAX) return false;
      events.push({ contract: self, topics, data });
      scope.eventBytes += size;
      return true;
    },
    debugLog(text) {
      if (logs.length < LOG_COUNT_MAX) logs.push(text);
    },
  };
}
