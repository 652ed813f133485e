/**
 * Protocol parameters: everything that decides a result and is neither code nor state. One versioned object, fixed at
 * genesis and covered by the genesis hash, so two nodes that agree on block 0 agree on the rules.
 */
import * as borsh from "../vm/borsh.ts";

export const PROTOCOL_VERSION = 2;

export const paramsCodec = borsh.struct({
  protocolVersion: borsh.u32,
  /** Which modules are contracts (`vm/profile.ts`) and what instructions cost (`vm/metering/schedule.ts`). */
  profile: borsh.u32,
  schedule: borsh.u32,
  blockGasLimit: borsh.safeU64,
  /** Transactions below this price are refused. */
  gasPriceMin: borsh.u128,
  transactionBaseGas: borsh.safeU64,
  /** Per byte of the encoded transaction: its place in the block, its hashing and its decoding. */
  transactionByteGas: borsh.safeU64,
  transferGas: borsh.safeU64,
  /** Per byte of uploaded code, above the transaction's own: validating, compiling and keeping it. */
  uploadByteGas: borsh.safeU64,
  createGas: borsh.safeU64,
  callGas: borsh.safeU64,
  /** Whether blocks may hold transactions that nobody signed, and edits of the state. */
  development: borsh.bool,
});

export type Params = borsh.Infer<typeof paramsCodec>;

export const defaultParams: Params = {
  protocolVersion: PROTOCOL_VERSION,
  profile: 1,
  schedule: 1,
  // At most about two seconds of work, as gas is priced for the worst case.
  blockGasLimit: 2_000_000_000,
  gasPriceMin: 1n,
  // One signature check, two account reads and writes, and the tree nodes above them.
  transactionBaseGas: 700_000,
  transactionByteGas: 20,
  transferGas: 300_000,
  uploadByteGas: 950,
  createGas: 300_000,
  callGas: 50_000,
  development: false,
};
