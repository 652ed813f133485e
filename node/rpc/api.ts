/**
 * The RPC surface as types: every method's parameters and result as they stand in JSON.
 *
 * Bytes are `0x` hex, addresses bech32m text, amounts decimal strings, heights, nonces, gas and times numbers. Parameters
 * go by name in one object. `methods.ts` implements this map and `client.ts` calls it, so neither can drift.
 */

import type { HaltReason, RefusalReason } from "../../vm/outcome.ts";

export type Hex = `0x${string}`;

export interface HeaderJson {
  readonly height: number;
  readonly hash: Hex;
  readonly parentHash: Hex;
  readonly time: number;
  readonly protocolVersion: number;
  readonly proposer: string;
  readonly gasUsed: number;
  readonly gasLimit: number;
  readonly stateRoot: Hex;
  readonly transactionsRoot: Hex;
  readonly receiptsRoot: Hex;
}

export interface BlockJson extends HeaderJson {
  /** Transaction hashes, in order. */
  readonly transactions: readonly Hex[];
}

export type StatusJson =
  | { readonly kind: "success" }
  /** `message` is present when the code is 0 and the data is text. */
  | { readonly kind: "revert"; readonly code: number; readonly data: Hex; readonly message?: string }
  | { readonly kind: "halt"; readonly reason: HaltReason }
  | { readonly kind: "refused"; readonly reason: RefusalReason };

export interface ReceiptJson {
  readonly transactionHash: Hex;
  readonly status: StatusJson;
  readonly gasUsed: number;
  readonly fee: string;
  readonly actions: readonly {
    readonly gasUsed: number;
    readonly returnData: Hex;
    readonly created: readonly string[];
  }[];
  readonly events: readonly {
    readonly contract: string;
    /** The first topic as text: the event's name. */
    readonly name: string;
    readonly topics: readonly Hex[];
    readonly data: Hex;
  }[];
}

/** A receipt and where its block is. */
export interface IncludedReceiptJson extends ReceiptJson {
  readonly height: number;
  readonly blockHash: Hex;
  readonly index: number;
}

export type ActionJson =
  | { readonly kind: "transfer"; readonly to: string; readonly amount: string }
  | { readonly kind: "upload"; readonly codeHash: Hex; readonly codeSize: number }
  | {
      readonly kind: "create";
      readonly codeHash: Hex;
      readonly salt: Hex | null;
      readonly args: Hex;
      readonly value: string;
    }
  | {
      readonly kind: "call";
      readonly contract: string;
      readonly method: string;
      readonly args: Hex;
      readonly value: string;
    };

export interface TransactionJson {
  readonly hash: Hex;
  readonly chainId: string;
  readonly sender: string;
  readonly nonce: number;
  readonly gasLimit: number;
  readonly gasPrice: string;
  readonly expiryHeight: number;
  readonly actions: readonly ActionJson[];
  readonly signature: Hex;
  readonly height: number;
  readonly blockHash: Hex;
  readonly index: number;
}

/** An item of one of a block's lists as borsh, and its audit path up to the list's root in the header. */
export interface ProvenItemJson {
  readonly bytes: Hex;
  readonly path: readonly Hex[];
}

export interface RpcMethods {
  chain_info: {
    params: Record<string, never>;
    result: {
      readonly chainId: string;
      readonly genesisHash: Hex;
      readonly height: number;
      readonly headHash: Hex;
      readonly stateRoot: Hex;
      readonly protocolVersion: number;
      readonly blockGasLimit: number;
      readonly gasPriceMin: string;
      /** Transactions admitted and not yet in a block. */
      readonly pending: number;
      /** Version of the node's software. */
      readonly version: string;
    };
  };
  /** The genesis as borsh, which a replay starts from. */
  chain_genesis: { params: Record<string, never>; result: { readonly genesis: Hex } };
  /** By `height` or by `hash`; without either, the head. `null` when there is none. */
  chain_block: { params: { readonly height?: number; readonly hash?: Hex }; result: BlockJson | null };
  /** The block and its receipts as borsh, which a replay compares against. */
  chain_rawBlock: {
    params: { readonly height: number };
    result: { readonly block: Hex; readonly receipts: readonly Hex[] } | null;
  };
  tx_submit: { params: { readonly transaction: Hex }; result: { readonly hash: Hex } };
  /** `timeoutMs` from 1 to 60,000; default 10,000. */
  tx_submitAndWait: {
    params: { readonly transaction: Hex; readonly timeoutMs?: number };
    result: IncludedReceiptJson;
  };
  tx_get: { params: { readonly hash: Hex }; result: TransactionJson | null };
  tx_receipt: { params: { readonly hash: Hex }; result: IncludedReceiptJson | null };
  /**
   * Shows that the block with this header holds the transaction and its receipt, by RFC 6962 audit paths. `count` is of both
   * lists; neither it nor `index` is proven by them.
   */
  tx_proof: {
    params: { readonly hash: Hex };
    result: {
      readonly header: Hex;
      readonly index: number;
      readonly count: number;
      readonly transaction: ProvenItemJson;
      readonly receipt: ProvenItemJson;
    } | null;
  };
  /** Runs a transaction on the head and keeps nothing. The signature is not checked, so 64 zero bytes will do. */
  tx_simulate: {
    params: { readonly transaction: Hex };
    result: { readonly receipt: ReceiptJson; readonly height: number; readonly logs: readonly string[] };
  };
  state_account: {
    params: { readonly address: string };
    result: {
      readonly address: string;
      readonly nonce: number;
      /** The nonce for the next transaction, counting those that wait. */
      readonly nextNonce: number;
      readonly balance: string;
      readonly codeHash: Hex | null;
    };
  };
  state_storage: { params: { readonly contract: string; readonly key: Hex }; result: Hex | null };
  /**
   * What the state holds under 1 to 64 keys after the block at `height`, by default the head, with one proof of all of it
   * against the state root in the block's header; both are borsh. A key is an account's "a" and address, a code's "c" and hash,
   * or a storage entry's "s", the contract's address and the entry's key.
   */
  state_proof: {
    params: { readonly keys: readonly Hex[]; readonly height?: number };
    result: { readonly header: Hex; readonly values: readonly (Hex | null)[]; readonly proof: Hex };
  };
  /** The same about one key as an ICS-23 CommitmentProof, in the JSON of protobuf: bytes are base64, names camel case. */
  state_ics23Proof: {
    params: { readonly key: Hex; readonly height?: number };
    result: { readonly header: Hex; readonly proof: object };
  };
  contract_code: { params: { readonly codeHash: Hex }; result: Hex | null };
  /** The contract's ABI section as borsh; `null` when its code carries none. */
  contract_abi: { params: { readonly contract: string }; result: { readonly codeHash: Hex; readonly abi: Hex | null } };
  contract_view: {
    params: {
      readonly contract: string;
      readonly method: string;
      readonly args?: Hex;
      readonly caller?: string;
      readonly gasLimit?: number;
    };
    result: {
      readonly status: StatusJson;
      readonly returnData: Hex;
      readonly gasUsed: number;
      readonly height: number;
      readonly logs: readonly string[];
    };
  };
  /** WebSocket only. New heads arrive as `chain_subscription` notifications. */
  chain_subscribe: { params: { readonly topic: "heads" }; result: { readonly subscription: string } };
  chain_unsubscribe: { params: { readonly subscription: string }; result: boolean };
}

/** Parameters of the `chain_subscription` notification. `sequence` counts from 0 without gaps. */
export interface SubscriptionEvent {
  readonly subscription: string;
  readonly sequence: number;
  readonly head: BlockJson;
}

export type RpcMethod = keyof RpcMethods;
