/**
 * A devnet: a node with funded accounts whose keys everybody knows, and its developer's powers over chain, state and time.
 *
 *     await using devnet = await createDevnet();                    in this process and in memory, gone at the end of the scope
 *     await createDevnet({ listen: 0 })                             the same, and served on a free port
 *     await createDevnet({ listen: 4600, dataDir: "chain" })        in a folder, and there again at the next start
 *     await createDevnet({ fork: { url: "ws://127.0.0.1:4600" } })  goes on from another node's block
 *
 * Devnets share nothing, so any number of them may run beside one another. With `deterministic`, genesis and block times are
 * fixed: the same commands give the same block hashes everywhere.
 */
import { hash } from "../node/crypto.ts";
import { openFork, parseForkUrl } from "../node/fork/open-fork.ts";
import { encodeGenesis, type Genesis } from "../node/genesis.ts";
import { Node, type NodeOptions } from "../node/node.ts";
import { defaultParams } from "../node/params.ts";
import type { Client } from "../node/rpc/client.ts";
import { LocalClient } from "../node/rpc/local-client.ts";
import type {
  Development,
  EditChange,
  Head,
  Sealing,
  TransactionRecord,
  ViewRequest,
  ViewResult,
} from "../node/rpc/service.ts";
import type { Account } from "../node/state/account.ts";
import { StateMissing } from "../node/state-missing.ts";
import { type Action, encodeTransaction, signTransaction, unsignedTransaction } from "../node/transaction.ts";
import { equalBytes } from "../vm/borsh.ts";
import { assert, InputError } from "../vm/errors.ts";
import { DEFAULT_ACCOUNT_COUNT, DEFAULT_MNEMONIC, type DevAccount, devAccounts } from "./accounts.ts";
import { DevelopmentClock } from "./clock.ts";
import { createPowers, type DevelopmentEvent } from "./powers.ts";

export type { EditChange, Head, Sealing, TransactionRecord, ViewResult } from "../node/rpc/service.ts";
export type { Action } from "../node/transaction.ts";
export { type DevAccount, devAccounts } from "./accounts.ts";
export type { Config, DevConfig } from "./config.ts";
export type { DevelopmentEvent } from "./powers.ts";
export type { Devnet };

export const DEFAULT_CHAIN_ID = "lockstep-dev";
/** What each account begins with, in the smallest unit. */
export const DEV_BALANCE = 10n ** 18n;
/** 2025-01-01T00:00:00Z: the time of block 0 of every deterministic devnet. */
const DETERMINISTIC_GENESIS_TIME = 1_735_689_600_000;
const SEND_TIMEOUT_MS = 60_000;

/** Those of `Node.start` that are a devnet's own choice, with the same defaults. */
type ChosenOptions = Pick<
  NodeOptions,
  "host" | "durability" | "prune" | "sealing" | "mempool" | "access" | "log" | "metrics"
>;

export interface ForkOptions {
  /** Of a Lockstep node: `ws://host:port`. */
  readonly url: string;
  /** The block to go on from; default: the node's head when the fork begins. */
  readonly height?: number;
}

export interface DevnetOptions extends ChosenOptions {
  /** The chain's folder. Without one, the chain is in memory and ends with the devnet. */
  readonly dataDir?: string;
  /** The port to serve on; 0 picks a free one. Without it, the devnet is for this process alone. */
  readonly listen?: number;
  /** How many are funded: 1 to 1000, default 10. */
  readonly accountCount?: number;
  /** BIP-39 words. */
  readonly mnemonic?: string;
  readonly deterministic?: boolean;
  /** Default: `lockstep-dev`, or that of the chain that is forked. */
  readonly chainId?: string;
  /** Goes on from a block of another node's chain. Of its state is fetched what is read, each value proven. */
  readonly fork?: ForkOptions;
  /** Told of each block with the debug text of its transactions. */
  readonly onBlock?: NodeOptions["onBlock"];
  /** Told of what is done to the chain otherwise. */
  readonly onEvent?: (event: DevelopmentEvent) => void;
  /** Told of each transaction once it is in a block, with its debug text. */
  readonly onTransaction?: (record: TransactionRecord, logs: readonly string[]) => void;
}

export interface SendOptions {
  /** Default: what a block holds. What is not used is given back. */
  readonly gasLimit?: number;
  /** Default: the least that the chain takes. */
  readonly gasPrice?: bigint;
}

export interface TimeOptions {
  /** Whether a block is made at that time at once, so that views see it; default true. */
  readonly mine?: boolean;
}

export type FundedAccount = DevAccount & { readonly balance: bigint };

/** A devnet that is served on a port. */
export type ListeningDevnet = Devnet & { readonly url: string; readonly port: number };

/**
 * Throws `InputError`: what `Node.start` throws, `genesis_mismatch`, `fork_*`, `order_invalid`, and what `devAccounts` throws.
 * Nothing stays behind when it does.
 */
export async function createDevnet(options: DevnetOptions & { readonly listen: number }): Promise<ListeningDevnet>;
export async function createDevnet(options?: DevnetOptions): Promise<Devnet>;
export async function createDevnet(options: DevnetOptions = {}): Promise<Devnet> {
  const { mnemonic = DEFAULT_MNEMONIC, accountCount = DEFAULT_ACCOUNT_COUNT } = options;
  const accounts = devAccounts(mnemonic, accountCount);
  const node = await startNode(options, accounts);
  const funded = await node.withState(() =>
    accounts.map((account) => ({ ...account, balance: node.account(account.address).balance })),
  );
  return new Devnet(node, funded, mnemonic);
}

/** A devnet that runs. Nothing here waits for a port, so all of it works without one. */
class Devnet implements AsyncDisposable {
  /** With what they had at the start. */
  readonly accounts: readonly FundedAccount[];
  readonly mnemonic: string;
  /** The RPC methods with their types, in process; development methods included. */
  readonly client: Client;
  /** The height at the start: above 0 when the folder held a chain already, or in a fork. */
  readonly height: number;
  /** Resolves after `close`; rejects with the fault that stopped the node. */
  readonly closed: Promise<void>;
  readonly #node: Node;
  readonly #powers: Development;

  /** For `createDevnet`. */
  constructor(node: Node, accounts: readonly FundedAccount[], mnemonic: string) {
    assert(node.development !== undefined, "a devnet's node has its powers");
    this.#node = node;
    this.#powers = node.development;
    this.accounts = accounts;
    this.mnemonic = mnemonic;
    this.client = new LocalClient(node, (error) => node.stopOnFault(error));
    this.height = node.head().header.height;
    this.closed = node.closed;
  }

  /** Where the devnet is served; null where it is not. */
  get url(): string | null {
    return this.#node.isServed ? this.#node.url : null;
  }

  get port(): number | null {
    return this.#node.isServed ? this.#node.port : null;
  }

  get chainId(): string {
    return this.#node.genesis.chainId;
  }

  get genesis(): Genesis {
    return this.#node.genesis;
  }

  get genesisHash(): Uint8Array {
    return this.#node.genesisHash;
  }

  get head(): Head {
    return this.#node.head();
  }

  // Using the chain.

  /** At the head; all zeros for one that nobody touched. */
  async account(address: Uint8Array): Promise<Account> {
    return this.#node.withState(() => this.#node.account(address));
  }

  async storage(contract: Uint8Array, key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#node.withState(() => this.#node.storage(contract, key));
  }

  /** The module of a contract; undefined for an account of a key. */
  async code(contract: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#node.withState(() => {
      const { codeHash } = this.#node.account(contract);
      return codeHash === null ? undefined : this.#node.code(codeHash);
    });
  }

  /** As `code`, of what can be read at once: in a fork, what was read before. */
  codeAtHand(contract: Uint8Array): Uint8Array | undefined {
    try {
      const { codeHash } = this.#node.account(contract);
      return codeHash === null ? undefined : this.#node.code(codeHash);
    } catch (error) {
      if (error instanceof StateMissing) return undefined;
      throw error;
    }
  }

  /** Throws `InputError` for a call that cannot be made; how the contract ended is in the outcome. */
  view(request: ViewRequest): Promise<ViewResult> {
    return this.#node.view(request);
  }

  /**
   * Sends a transaction and waits for its block; how it ended is in the receipt. With the key of `sender`, or of an address
   * that is impersonated without one. Throws the `InputError` with which it was refused.
   */
  async send(
    sender: DevAccount | Uint8Array,
    actions: readonly Action[],
    options: SendOptions = {},
  ): Promise<TransactionRecord> {
    const address = sender instanceof Uint8Array ? sender : sender.address;
    const { params, chainId } = this.genesis;
    const { gasLimit = params.blockGasLimit, gasPrice = params.gasPriceMin } = options;
    const nonce = await this.#node.withState(() => this.#node.nextNonce(address));
    const expiryHeight = Number.MAX_SAFE_INTEGER;
    const body = { chainId, sender: address, nonce, gasLimit, gasPrice, expiryHeight, actions: [...actions] };
    const transaction =
      sender instanceof Uint8Array ? unsignedTransaction(body) : signTransaction(body, sender.secretKey);
    return this.#node.submitAndWait(encodeTransaction(transaction), SEND_TIMEOUT_MS);
  }

  // Powers. Each runs between two blocks, and a revert undoes it.

  /** Makes blocks, the first of what is ready and the others empty; returns the last. */
  mine(count = 1): Promise<Head> {
    return this.#powers.mine(count);
  }

  /** Makes a block of these changes and nothing else. */
  edit(changes: readonly EditChange[]): Promise<Head> {
    return this.#powers.edit(changes);
  }

  faucet(address: Uint8Array, amount = DEV_BALANCE): Promise<Head> {
    return this.edit([{ kind: "credit", address, amount }]);
  }

  setBalance(address: Uint8Array, balance: bigint): Promise<Head> {
    return this.edit([{ kind: "balance", address, balance }]);
  }

  setNonce(address: Uint8Array, nonce: number): Promise<Head> {
    return this.edit([{ kind: "nonce", address, nonce }]);
  }

  /** Neither `init` nor `migrate` runs; null takes the code away. */
  setCode(address: Uint8Array, code: Uint8Array | null): Promise<Head> {
    return this.edit([{ kind: "code", address, code }]);
  }

  /** Null removes the entry. */
  setStorage(contract: Uint8Array, key: Uint8Array, value: Uint8Array | null): Promise<Head> {
    return this.edit([{ kind: "storage", contract, key, value }]);
  }

  /** Takes unsigned transactions of an address, or of all. */
  async impersonate(address: Uint8Array | null = null): Promise<void> {
    await this.#powers.impersonate(address);
  }

  async stopImpersonating(address: Uint8Array | null = null): Promise<void> {
    await this.#powers.stopImpersonating(address);
  }

  /** The next block's time in milliseconds since 1970, from which time goes on. Throws `time_backwards`, `time_invalid`. */
  async setTime(time: number, { mine = true }: TimeOptions = {}): Promise<void> {
    await this.#powers.setTime(time, mine);
  }

  async advanceTime(ms: number, { mine = true }: TimeOptions = {}): Promise<void> {
    await this.#powers.advanceTime(ms, mine);
  }

  /** Milliseconds between two blocks; null follows the clock again. */
  async setTimeStep(stepMs: number | null): Promise<void> {
    await this.#powers.setTimeStep(stepMs);
  }

  /** A number for `revert`. Costs nothing. */
  async snapshot(): Promise<number> {
    return (await this.#powers.snapshot()).id;
  }

  /** The snapshot stays; later ones are spent. Throws `snapshot_unknown`. */
  revert(snapshot: number): Promise<Head> {
    return this.#powers.revert(snapshot);
  }

  reset(): Promise<Head> {
    return this.#powers.reset();
  }

  async dump(): Promise<Uint8Array> {
    return (await this.#powers.dump()).bytes;
  }

  /** Throws `dump_invalid`, `dump_version`. */
  load(dump: Uint8Array): Promise<Head> {
    return this.#powers.load(dump);
  }

  get sealing(): Sealing {
    return this.#node.info().sealing;
  }

  async setSealing(sealing: Sealing): Promise<void> {
    await this.#powers.setSealing(sealing);
  }

  /** Takes waiting transactions out of the pool; returns how many. */
  drop(what: { readonly hash?: Uint8Array; readonly sender?: Uint8Array } = {}): number {
    return this.#powers.drop(what);
  }

  async setLabel(address: Uint8Array, label: string | null): Promise<void> {
    await this.#powers.setLabel(address, label);
  }

  /** What an address was called, or the name of one of the accounts. */
  label(address: Uint8Array): string | undefined {
    const labelled = this.#powers.labels.find((known) => equalBytes(known.address, address));
    return labelled?.label ?? this.accounts.find((known) => equalBytes(known.address, address))?.name;
  }

  /** Finishes the block in the making, and leaves no thread, timer, socket or lock behind. Safe to call twice. */
  async close(): Promise<void> {
    await this.client.close();
    await this.#node.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function startNode(options: DevnetOptions, accounts: readonly DevAccount[]): Promise<Node> {
  const { dataDir, fork, deterministic = false, mempool, onBlock, onEvent, onTransaction } = options;
  if (deterministic && mempool?.order === "fees") {
    throw new InputError("order_invalid", "what a deterministic devnet puts into a block is ordered by arrival", {
      hint: "Leave the order out. By fees, a block would depend on how fast transactions come.",
    });
  }
  const { accountCount: _, mnemonic: __, chainId: ___, listen, ...chosen } = options;
  const clock = new DevelopmentClock({ isLogical: deterministic });
  const shared: NodeOptions = {
    ...chosen,
    clock: clock.timeAfter,
    isOnePerBlock: deterministic,
    mempool: { ...(deterministic && { order: "fifo" }), ...mempool },
    development: (control) => {
      const { base } = control.service.genesis;
      // A fork begins with the block that funds the accounts.
      const firstHeight = base === null ? 0 : base.height + 1;
      const shared = { accounts, clock, isDeterministic: deterministic, firstHeight };
      return createPowers(control, { ...shared, ...(onEvent !== undefined && { onEvent }) });
    },
    onBlock: (record, logs) => {
      onBlock?.(record, logs);
      if (onTransaction === undefined) return;
      const { header, hash: blockHash, block, receipts } = record;
      for (const [index, transaction] of block.transactions.entries()) {
        const receipt = receipts[index]!;
        onTransaction({ transaction, receipt, height: header.height, blockHash, index }, logs[index] ?? []);
      }
    },
    ...(dataDir !== undefined && { directory: dataDir }),
    ...(listen !== undefined && { port: listen }),
  };
  return fork === undefined
    ? startOwn(shared, options, createGenesis(options.chainId ?? DEFAULT_CHAIN_ID, accounts, deterministic))
    : startFork(shared, options, fork, accounts);
}

async function startOwn(
  shared: NodeOptions,
  { dataDir, deterministic = false }: DevnetOptions,
  genesis: Genesis,
): Promise<Node> {
  const node = await Node.start({ ...shared, genesis });
  if (node.genesis.base === null && !continues(node.genesis, genesis, deterministic)) {
    throw await mismatch(node, dataDir, "with another genesis");
  }
  return node;
}

/** The folder of a fork goes on without its remote as far as it has read. */
async function startFork(
  shared: NodeOptions,
  { dataDir, chainId }: DevnetOptions,
  fork: ForkOptions,
  accounts: readonly DevAccount[],
): Promise<Node> {
  const { url, height = fork.height } = parseForkUrl(fork.url);
  const node = (await startKnown({ ...shared, forkUrl: url })) ?? (await startNew());
  const { base } = node.genesis;
  if (base === null || (height !== undefined && height !== base.height)) {
    throw await mismatch(node, dataDir, base === null ? "that is no fork" : `forked at height ${base.height}`);
  }
  assert(node.development !== undefined, "a devnet's node has its powers");
  if (node.head().header.height > base.height) return node;
  try {
    const credits = accounts.map(({ address }) => ({ kind: "credit", address, amount: DEV_BALANCE }) as const);
    await node.development.edit(credits);
    return node;
  } catch (error) {
    await node.close();
    throw error;
  }

  async function startNew(): Promise<Node> {
    const { genesis, base } = await openFork(url, height, chainId === undefined ? {} : { chainId });
    return Node.start({ ...shared, genesis, base, forkUrl: url });
  }
}

/** Undefined where there is no chain yet. */
async function startKnown(options: NodeOptions): Promise<Node | undefined> {
  if (options.directory === undefined) return undefined;
  try {
    return await Node.start(options);
  } catch (error) {
    if (error instanceof InputError && error.code === "data_empty") return undefined;
    throw error;
  }
}

async function mismatch(node: Node, dataDir: string | undefined, how: string): Promise<InputError> {
  await node.close();
  return new InputError("genesis_mismatch", `${dataDir} holds chain "${node.genesis.chainId}" ${how}`, {
    hint: "Use the options the folder was made with, or another folder.",
  });
}

function createGenesis(chainId: string, accounts: readonly DevAccount[], deterministic: boolean): Genesis {
  return {
    chainId,
    time: deterministic ? DETERMINISTIC_GENESIS_TIME : Date.now(),
    params: { ...defaultParams, development: true },
    // Fees go to an address that is the hash of nothing in particular: no key opens it.
    proposer: hash("genesis", new TextEncoder().encode("devnet proposer")),
    balances: accounts.map(({ address }) => ({ address, balance: DEV_BALANCE })),
    base: null,
  };
}

/** Whether a folder's chain is the one asked for. The time of an ordinary genesis is when it was made, so it may differ. */
function continues(known: Genesis, wanted: Genesis, deterministic: boolean): boolean {
  const time = deterministic ? wanted.time : known.time;
  return equalBytes(encodeGenesis(known), encodeGenesis({ ...wanted, time }));
}
