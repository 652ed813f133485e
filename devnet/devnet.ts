/**
 * A devnet: a node with funded accounts whose keys everybody knows. Unless told otherwise it makes a block per transaction,
 * and it keeps its chain in a folder, so a restart goes on where it stopped.
 *
 * With `deterministic`, genesis and block times are fixed: the same transactions give the same block hashes everywhere.
 */
import { hash } from "../node/crypto.ts";
import { encodeGenesis, type Genesis } from "../node/genesis.ts";
import { logicalClock, Node, type NodeOptions, systemClock } from "../node/node.ts";
import { defaultParams } from "../node/params.ts";
import type { TransactionRecord } from "../node/rpc/service.ts";
import { equalBytes } from "../vm/borsh.ts";
import { InputError } from "../vm/errors.ts";
import { DEFAULT_ACCOUNT_COUNT, DEFAULT_MNEMONIC, type DevAccount, devAccounts } from "./accounts.ts";

export { type DevAccount, devAccounts } from "./accounts.ts";
export type { Config, DevConfig } from "./config.ts";

export const DEFAULT_CHAIN_ID = "lockstep-dev";
/** What each account begins with, in the smallest unit. */
export const DEV_BALANCE = 10n ** 18n;
/** 2025-01-01T00:00:00Z: the time of block 0 of every deterministic devnet. */
const DETERMINISTIC_GENESIS_TIME = 1_735_689_600_000;

/** Those of `Node.start` that are a devnet's own choice, with the same defaults. */
type ChosenOptions = Pick<
  NodeOptions,
  "host" | "durability" | "prune" | "sealing" | "mempool" | "access" | "log" | "metrics"
>;

export interface DevnetOptions extends ChosenOptions {
  readonly dataDir: string;
  /** 0, which is the default, picks a free port. */
  readonly port?: number;
  readonly accountCount?: number;
  readonly mnemonic?: string;
  readonly deterministic?: boolean;
  readonly chainId?: string;
  /** Told of each transaction once it is in a block, with its debug text. */
  readonly onTransaction?: (record: TransactionRecord, logs: readonly string[]) => void;
}

export interface Devnet {
  readonly url: string;
  readonly port: number;
  readonly chainId: string;
  readonly genesis: Genesis;
  readonly genesisHash: Uint8Array;
  /** The height at the start: above 0 when the folder held a chain already. */
  readonly height: number;
  readonly accounts: readonly (DevAccount & { readonly balance: bigint })[];
  readonly mnemonic: string;
  /** Resolves after `close`; rejects with the fault that stopped the node. */
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

/** Throws `InputError`: what `Node.start` throws, `genesis_mismatch`, and what `devAccounts` throws. */
export async function startDevnet(options: DevnetOptions): Promise<Devnet> {
  const {
    dataDir,
    port = 0,
    accountCount = DEFAULT_ACCOUNT_COUNT,
    mnemonic = DEFAULT_MNEMONIC,
    deterministic = false,
    chainId = DEFAULT_CHAIN_ID,
    onTransaction,
    ...chosen
  } = options;
  const accounts = devAccounts(mnemonic, accountCount);
  const genesis = createGenesis(chainId, accounts, deterministic);
  const onBlock: NodeOptions["onBlock"] = ({ header, hash: blockHash, block, receipts }, logs) => {
    for (const [index, transaction] of block.transactions.entries()) {
      const record = { transaction, receipt: receipts[index]!, height: header.height, blockHash, index };
      onTransaction?.(record, logs[index] ?? []);
    }
  };
  const clock = deterministic ? logicalClock : systemClock;
  const node = await Node.start({ ...chosen, directory: dataDir, genesis, clock, port, onBlock });
  if (!continues(node.genesis, genesis, deterministic)) {
    await node.close();
    throw new InputError("genesis_mismatch", `${dataDir} holds chain "${node.genesis.chainId}" with another genesis`, {
      hint: "Use the options the folder was made with, or another folder.",
    });
  }
  return {
    url: node.url,
    port: node.port,
    chainId: genesis.chainId,
    genesis: node.genesis,
    genesisHash: node.genesisHash,
    height: node.head().header.height,
    accounts: accounts.map((account) => ({ ...account, balance: node.account(account.address).balance })),
    mnemonic,
    closed: node.closed,
    close: () => node.close(),
  };
}

function createGenesis(chainId: string, accounts: readonly DevAccount[], deterministic: boolean): Genesis {
  return {
    chainId,
    time: deterministic ? DETERMINISTIC_GENESIS_TIME : Date.now(),
    params: defaultParams,
    // Fees go to an address that is the hash of nothing in particular: no key opens it.
    proposer: hash("genesis", new TextEncoder().encode("devnet proposer")),
    balances: accounts.map(({ address }) => ({ address, balance: DEV_BALANCE })),
  };
}

/** Whether a folder's chain is the one asked for. The time of an ordinary genesis is when it was made, so it may differ. */
function continues(known: Genesis, wanted: Genesis, deterministic: boolean): boolean {
  const time = deterministic ? wanted.time : known.time;
  return equalBytes(encodeGenesis(known), encodeGenesis({ ...wanted, time }));
}
