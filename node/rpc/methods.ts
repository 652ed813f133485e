/**
 * The method table: for every method its parameters, as schemas that check and decode in one step, and the call into
 * the node that answers it. `api.ts` types both sides, so a method that is missing or answers differently is no program.
 */
import { createRequire } from "node:module";
import { ABI_SECTION } from "../../vm/abi.ts";
import { readCustomSection } from "../../vm/custom-section.ts";
import { assert, InputError } from "../../vm/errors.ts";
import { addressFromText, addressToText } from "../address.ts";
import { encodeBlock, encodeHeader, encodeReceipt } from "../block.ts";
import { HASH_SIZE } from "../crypto.ts";
import { encodeGenesis } from "../genesis.ts";
import { proveItem } from "../merkle.ts";
import { toIcs23 } from "../state/ics23.ts";
import { proveKeys } from "../state/prove.ts";
import { readValue } from "../state/tree.ts";
import { encodeTransaction } from "../transaction.ts";
import type { RpcMethod, RpcMethods } from "./api.ts";
import {
  blockToJson,
  fromHex,
  includedReceiptToJson,
  protobufToJson,
  receiptToJson,
  statusToJson,
  toHex,
  transactionToJson,
} from "./json.ts";
import { isObject, ProtocolError, quote } from "./json-rpc.ts";
import type { BlockRecord, NodeService } from "./service.ts";

/** Default and bound of `tx_submitAndWait`. */
export const WAIT_TIMEOUT_MS = 10_000;
export const WAIT_TIMEOUT_MS_MAX = 60_000;
const NAME_LENGTH_MAX = 256;
/** Keys of one state proof, and bytes of the values under them: more than one code, or all of a contract's large entries. */
const PROOF_KEYS_MAX = 64;
const PROOF_VALUES_SIZE_MAX = 4 * 1024 * 1024;

/** What a call sees besides its parameters. */
export interface CallContext {
  readonly service: NodeService;
  /** Absent where nothing can be pushed: over HTTP. */
  readonly subscriptions?: Subscriptions;
}

export interface Subscriptions {
  /** Throws `InputError` `too_many_subscriptions`. The first event follows the answer to the call. */
  add(): string;
  /** Whether there was one. */
  remove(subscription: string): boolean;
}

/** Checks the parameters of a call and runs it. Throws before it returns a promise wherever it can. */
export function callMethod(name: string, params: unknown, context: CallContext): unknown {
  if (!Object.hasOwn(methods, name)) {
    throw new ProtocolError("methodUnknown", "method_unknown", `no method ${quote(name)}`, {
      hint: `The methods are ${Object.keys(methods).join(", ")}.`,
    });
  }
  const { schema, run } = methods[name as RpcMethod] as Method<RpcMethod>;
  return run(readParams(schema, params), context);
}

// Schemas.

interface Param<T> {
  /** What the value must be, as the end of a sentence. */
  readonly type: string;
  readonly optional?: true;
  /** `undefined` for a value of the wrong type; throws `InputError` where there is more to say. */
  readonly read: (value: unknown) => T | undefined;
}

type Schema = Readonly<Record<string, Param<unknown>>>;

type ValueOf<P> = P extends { readonly optional: true; readonly read: (value: unknown) => infer T }
  ? T | undefined
  : P extends { readonly read: (value: unknown) => infer T }
    ? Exclude<T, undefined>
    : never;

type Values<S> = { readonly [K in keyof S]: ValueOf<S[K]> };

/** A schema for each parameter of the method, optional where the parameter is. */
type SchemaOf<P> = {
  readonly [K in keyof P]-?: undefined extends P[K]
    ? Param<unknown> & { readonly optional: true }
    : Param<unknown> & { readonly optional?: never };
};

function param<T>(type: string, read: (value: unknown) => T | undefined) {
  return { type, read };
}

function optional<P extends Param<unknown>>(inner: P) {
  return { ...inner, optional: true } as const;
}

function integer(min: number, max: number) {
  return param(`an integer from ${min} to ${max}`, (value) =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max ? value : undefined,
  );
}

function text(lengthMax: number) {
  return param(`text of at most ${lengthMax} characters`, (value) =>
    typeof value === "string" && value.length <= lengthMax && !/\p{Surrogate}/u.test(value) ? value : undefined,
  );
}

const height = integer(0, Number.MAX_SAFE_INTEGER);
const hex = param("0x and hexadecimal digits", (value) => (typeof value === "string" ? fromHex(value) : undefined));
const hash = param("0x and 64 hexadecimal digits", (value) => {
  const bytes = typeof value === "string" ? fromHex(value) : undefined;
  return bytes?.length === HASH_SIZE ? bytes : undefined;
});
// Far longer than an address, so that a misspelt one is named in the error and a megabyte is not.
const address = param("an address", (value) =>
  typeof value === "string" && value.length <= 128 ? addressFromText(value) : undefined,
);
const hexes = param(`a list of 1 to ${PROOF_KEYS_MAX} texts of 0x and hexadecimal digits`, (value) => {
  if (!Array.isArray(value) || value.length === 0 || value.length > PROOF_KEYS_MAX) return undefined;
  return value.every((item) => typeof item === "string") ? value.map(fromHex) : undefined;
});
const topic = param('"heads"', (value) => (value === "heads" ? value : undefined));

function readParams(schema: Schema, params: unknown): Readonly<Record<string, unknown>> {
  const refuse = (message: string, details?: Readonly<Record<string, unknown>>): never => {
    const names = Object.entries(schema).map(([name, { optional }]) => (optional ? `${name} (optional)` : name));
    throw new ProtocolError("invalidParams", "invalid_params", message, {
      hint: names.length === 0 ? "The method has no parameters." : `The parameters are ${names.join(", ")}.`,
      ...(details !== undefined && { details }),
    });
  };
  if (!isObject(params)) return refuse("parameters go by name, in one object");
  const unknown = Object.keys(params).find((name) => !Object.hasOwn(schema, name));
  if (unknown !== undefined) refuse(`no parameter ${quote(unknown)}`);
  const values: Record<string, unknown> = {};
  for (const [name, { type, optional, read }] of Object.entries(schema)) {
    if (!Object.hasOwn(params, name)) {
      if (!optional) refuse(`parameter "${name}" is missing`, { parameter: name });
      continue;
    }
    try {
      values[name] = read(params[name]);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      const { code, message, hint } = error;
      throw new ProtocolError("invalidParams", code, `parameter "${name}": ${message}`, {
        ...(hint !== undefined && { hint }),
        details: { parameter: name },
      });
    }
    if (values[name] === undefined) refuse(`parameter "${name}" must be ${type}`, { parameter: name });
  }
  return values;
}

// Methods.

type Result<M extends RpcMethod> = RpcMethods[M]["result"] | Promise<RpcMethods[M]["result"]>;

interface Method<M extends RpcMethod> {
  readonly schema: Schema;
  readonly run: (params: Readonly<Record<string, unknown>>, context: CallContext) => Result<M>;
}

function method<M extends RpcMethod, S extends SchemaOf<RpcMethods[M]["params"]>>(
  _name: M,
  schema: S,
  run: (params: Values<S>, context: CallContext) => Result<M>,
): Method<M> {
  // `readParams` made the values by this very schema.
  return { schema: schema as Schema, run: run as unknown as Method<M>["run"] };
}

const { version } = createRequire(import.meta.url)("lockstep/package.json") as { version: string };

const methods: { readonly [M in RpcMethod]: Method<M> } = {
  chain_info: method("chain_info", {}, (_, { service }) => {
    const { header, hash } = service.head();
    const { chainId, params } = service.genesis;
    return {
      chainId,
      genesisHash: toHex(service.genesisHash),
      height: header.height,
      headHash: toHex(hash),
      stateRoot: toHex(header.stateRoot),
      protocolVersion: params.protocolVersion,
      blockGasLimit: params.blockGasLimit,
      gasPriceMin: String(params.gasPriceMin),
      pending: service.pendingCount(),
      version,
    };
  }),

  chain_genesis: method("chain_genesis", {}, (_, { service }) => ({
    genesis: toHex(encodeGenesis(service.genesis)),
  })),

  chain_block: method("chain_block", { height: optional(height), hash: optional(hash) }, (params, { service }) => {
    const record = findBlock(params, service);
    return record === undefined ? null : blockToJson(record);
  }),

  chain_rawBlock: method("chain_rawBlock", { height }, ({ height }, { service }) => {
    const record = service.block(height);
    if (record === undefined) return null;
    return { block: toHex(encodeBlock(record.block)), receipts: record.receipts.map((r) => toHex(encodeReceipt(r))) };
  }),

  tx_submit: method("tx_submit", { transaction: hex }, async ({ transaction }, { service }) => ({
    hash: toHex(await service.submit(transaction)),
  })),

  tx_submitAndWait: method(
    "tx_submitAndWait",
    { transaction: hex, timeoutMs: optional(integer(1, WAIT_TIMEOUT_MS_MAX)) },
    async ({ transaction, timeoutMs = WAIT_TIMEOUT_MS }, { service }) =>
      includedReceiptToJson(await service.submitAndWait(transaction, timeoutMs)),
  ),

  tx_get: method("tx_get", { hash }, ({ hash }, { service }) => {
    const record = service.transaction(hash);
    return record === undefined ? null : transactionToJson(record);
  }),

  tx_receipt: method("tx_receipt", { hash }, ({ hash }, { service }) => {
    const record = service.transaction(hash);
    return record === undefined ? null : includedReceiptToJson(record);
  }),

  tx_proof: method("tx_proof", { hash }, ({ hash }, { service }) => {
    const position = service.transaction(hash);
    if (position === undefined) return null;
    const { height, index } = position;
    const record = service.block(height);
    assert(record !== undefined, "the block of a transaction is stored");
    const prove = (items: readonly Uint8Array[]) => ({
      bytes: toHex(items[index]!),
      path: proveItem(items, index).map(toHex),
    });
    return {
      header: toHex(encodeHeader(record.header)),
      index,
      count: record.receipts.length,
      transaction: prove(record.block.transactions.map(encodeTransaction)),
      receipt: prove(record.receipts.map(encodeReceipt)),
    };
  }),

  tx_simulate: method("tx_simulate", { transaction: hex }, async ({ transaction }, { service }) => {
    const { receipt, height, logs } = await service.simulate(transaction);
    return { receipt: receiptToJson(receipt), height, logs };
  }),

  state_account: method("state_account", { address }, ({ address }, { service }) => {
    const { nonce, balance, codeHash } = service.account(address);
    return {
      address: addressToText(address),
      nonce,
      nextNonce: service.nextNonce(address),
      balance: String(balance),
      codeHash: codeHash === null ? null : toHex(codeHash),
    };
  }),

  state_storage: method("state_storage", { contract: address, key: hex }, ({ contract, key }, { service }) => {
    const value = service.storage(contract, key);
    return value === undefined ? null : toHex(value);
  }),

  state_proof: method("state_proof", { keys: hexes, height: optional(height) }, ({ keys, height }, { service }) => {
    const { header, nodes } = service.stateTree(height);
    let size = 0;
    const values = keys.map((key) => {
      const value = readValue(nodes, header.height, key);
      size += value?.length ?? 0;
      if (size <= PROOF_VALUES_SIZE_MAX) return value;
      throw new InputError("proof_too_large", `the values are more than ${PROOF_VALUES_SIZE_MAX} bytes`, {
        hint: "Ask for fewer keys at once.",
      });
    });
    return {
      header: toHex(encodeHeader(header)),
      values: values.map((value) => (value === undefined ? null : toHex(value))),
      proof: toHex(proveKeys(nodes, header.height, keys)),
    };
  }),

  state_ics23Proof: method(
    "state_ics23Proof",
    { key: hex, height: optional(height) },
    ({ key, height }, { service }) => {
      const { header, nodes } = service.stateTree(height);
      return {
        header: toHex(encodeHeader(header)),
        proof: protobufToJson(toIcs23(nodes, header.height, key)) as object,
      };
    },
  ),

  contract_code: method("contract_code", { codeHash: hash }, ({ codeHash }, { service }) => {
    const code = service.code(codeHash);
    return code === undefined ? null : toHex(code);
  }),

  contract_abi: method("contract_abi", { contract: address }, ({ contract }, { service }) => {
    const { codeHash } = service.account(contract);
    if (codeHash === null) {
      throw new InputError("not_a_contract", `${addressToText(contract)} is no contract`, {
        hint: "A contract's address stands in the receipt of the transaction that created it.",
      });
    }
    const code = service.code(codeHash);
    assert(code !== undefined, "the code of every contract is stored");
    const abi = readCustomSection(code, ABI_SECTION);
    return { codeHash: toHex(codeHash), abi: abi === undefined ? null : toHex(abi) };
  }),

  contract_view: method(
    "contract_view",
    {
      contract: address,
      method: text(NAME_LENGTH_MAX),
      args: optional(hex),
      caller: optional(address),
      gasLimit: optional(integer(0, Number.MAX_SAFE_INTEGER)),
    },
    async ({ contract, method, args = new Uint8Array(), caller, gasLimit }, { service }) => {
      const { outcome, gasUsed, height, logs } = await service.view({
        contract,
        method,
        args,
        ...(caller !== undefined && { caller }),
        ...(gasLimit !== undefined && { gasLimit }),
      });
      return {
        status: statusToJson(outcome),
        returnData: outcome.kind === "success" ? toHex(outcome.data) : "0x",
        gasUsed,
        height,
        logs,
      };
    },
  ),

  chain_subscribe: method("chain_subscribe", { topic }, (_, context) => ({
    subscription: subscriptionsOf(context).add(),
  })),

  chain_unsubscribe: method("chain_unsubscribe", { subscription: text(NAME_LENGTH_MAX) }, (params, context) =>
    subscriptionsOf(context).remove(params.subscription),
  ),
};

function findBlock(
  { height, hash }: { readonly height: number | undefined; readonly hash: Uint8Array | undefined },
  service: NodeService,
): BlockRecord | undefined {
  if (height !== undefined && hash !== undefined) {
    throw new ProtocolError("invalidParams", "invalid_params", 'a block has "height" or "hash", not both');
  }
  const at = hash !== undefined ? service.heightOf(hash) : (height ?? service.head().header.height);
  return at === undefined ? undefined : service.block(at);
}

function subscriptionsOf({ subscriptions }: CallContext): Subscriptions {
  if (subscriptions === undefined) {
    throw new InputError("websocket_only", "subscriptions need a WebSocket", {
      hint: "Connect to the same address with ws:// in place of http://.",
    });
  }
  return subscriptions;
}
