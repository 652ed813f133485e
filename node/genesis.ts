/**
 * Genesis: the chain's name, its rules and its first balances. Block 0 follows from it, and its hash names the chain.
 * A fork has a base in place of a block 0: the block of another chain whose state it goes on from.
 */
import * as borsh from "../vm/borsh.ts";
import { InputError } from "../vm/errors.ts";
import { SCHEDULE_VERSION } from "../vm/metering/schedule.ts";
import { PROFILE_VERSION } from "../vm/profile.ts";
import { PROTOCOL_VERSION, paramsCodec } from "./params.ts";
import { CHAIN_ID_SIZE_MAX } from "./transaction.ts";

const genesisCodec = borsh.struct({
  chainId: borsh.string,
  /** Milliseconds since 1970: the time of block 0. */
  time: borsh.safeU64,
  params: paramsCodec,
  /** Who is paid the fees. */
  proposer: borsh.bytes32,
  balances: borsh.vec(borsh.struct({ address: borsh.bytes32, balance: borsh.u128 })),
  /** The block of another chain that this one goes on from; null for a chain with a block 0 of its own. */
  base: borsh.option(borsh.struct({ height: borsh.safeU64, blockHash: borsh.bytes32 })),
});

export type Genesis = borsh.Infer<typeof genesisCodec>;

export function encodeGenesis(genesis: Genesis): Uint8Array {
  return borsh.encode(genesisCodec, genesis);
}

export function decodeGenesis(bytes: Uint8Array): Genesis {
  return borsh.decode(genesisCodec, bytes);
}

/**
 * Throws `InputError` for a chain that this version cannot run: `genesis_chain_id`, `genesis_unsupported`, `genesis_base`.
 */
export function checkGenesis({ chainId, params, balances, base }: Genesis): void {
  const { length } = new TextEncoder().encode(chainId);
  if (length === 0 || length > CHAIN_ID_SIZE_MAX) {
    throw new InputError("genesis_chain_id", `a chain id has 1 to ${CHAIN_ID_SIZE_MAX} bytes, this one ${length}`);
  }
  const known = { protocolVersion: PROTOCOL_VERSION, profile: PROFILE_VERSION, schedule: SCHEDULE_VERSION } as const;
  for (const name of Object.keys(known) as (keyof typeof known)[]) {
    if (params[name] === known[name]) continue;
    const message = `the chain runs by ${name} ${params[name]}, this version of Lockstep knows ${known[name]}`;
    throw new InputError("genesis_unsupported", message, { hint: "Use the version of Lockstep that made the chain." });
  }
  if (base === null) return;
  if (!params.development) {
    throw new InputError("genesis_base", "only a development chain goes on from a block of another chain");
  }
  if (balances.length > 0) {
    const message = `a chain that goes on from block ${base.height} of another begins with that block's balances`;
    throw new InputError("genesis_base", message, { hint: "Leave the genesis without balances." });
  }
}
