/**
 * Genesis: the chain's name, its rules and its first balances. Block 0 follows from it, and its hash names the chain.
 */
import * as borsh from "../vm/borsh.ts";
import { paramsCodec } from "./params.ts";

const genesisCodec = borsh.struct({
  chainId: borsh.string,
  /** Milliseconds since 1970: the time of block 0. */
  time: borsh.safeU64,
  params: paramsCodec,
  /** Who is paid the fees. */
  proposer: borsh.bytes32,
  balances: borsh.vec(borsh.struct({ address: borsh.bytes32, balance: borsh.u128 })),
});

export type Genesis = borsh.Infer<typeof genesisCodec>;

export function encodeGenesis(genesis: Genesis): Uint8Array {
  return borsh.encode(genesisCodec, genesis);
}

export function decodeGenesis(bytes: Uint8Array): Genesis {
  return borsh.decode(genesisCodec, bytes);
}
