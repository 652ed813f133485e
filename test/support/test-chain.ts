/** A chain on LevelDB in a folder of its own, without a node around it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Receipt } from "../../node/block.ts";
import { Chain } from "../../node/chain.ts";
import type { Genesis } from "../../node/genesis.ts";
import { readAccount } from "../../node/message-call.ts";
import { defaultParams } from "../../node/params.ts";
import { type Account, storageKey } from "../../node/state/account.ts";
import type { AppliedBlock } from "../../node/state-transition.ts";
import { Store } from "../../node/store.ts";
import type { Action, EncodedTransaction } from "../../node/transaction.ts";
import type { Engine } from "../../vm/contract.ts";
import { type BodyOptions, signed, TEST_CHAIN_ID, type TestAccount, testAccount } from "./signing.ts";

export const alice = testAccount(1);
export const bob = testAccount(2);
/** Who is in no genesis. */
export const stranger = testAccount(3);
export const proposer = new Uint8Array(32).fill(0xfe);
export const TEST_BALANCE = 10n ** 12n;

export const testGenesis: Genesis = {
  chainId: TEST_CHAIN_ID,
  time: 1_000,
  params: { ...defaultParams, blockGasLimit: 100_000_000 },
  proposer,
  balances: [alice, bob].map(({ address }) => ({ address, balance: TEST_BALANCE })),
  base: null,
};

/** A new folder that goes away with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export class TestChain {
  readonly store: Store;
  readonly chain: Chain;

  private constructor(store: Store, engine: Engine) {
    this.store = store;
    this.chain = new Chain(store, engine);
  }

  static async create(
    genesis: Genesis = testGenesis,
    folder = temporaryFolder(),
    engine: Engine = "jit",
  ): Promise<TestChain> {
    const store = await Store.open(folder, { genesis });
    onTestFinished(() => store.close());
    return new TestChain(store, engine);
  }

  /** One more block, a second later. */
  extend(transactions: readonly EncodedTransaction[]): Promise<AppliedBlock> {
    return this.chain.extend(this.input(transactions));
  }

  /** What `extend` would commit. */
  apply(transactions: readonly EncodedTransaction[]): AppliedBlock {
    return this.chain.apply(this.input(transactions));
  }

  input(transactions: readonly EncodedTransaction[]) {
    return { time: this.chain.head.time + 1_000, proposer: this.store.genesis.proposer, transactions };
  }

  /** `signed` with the sender's next nonce. */
  sign(sender: TestAccount, actions: readonly Action[], options: BodyOptions = {}): EncodedTransaction {
    return signed(sender, actions, { nonce: this.account(sender.address).nonce, ...options });
  }

  /** A block of one transaction; its receipt. */
  async run(actions: readonly Action[], options: BodyOptions = {}, sender = alice): Promise<Receipt> {
    const { receipts, invalid } = await this.extend([this.sign(sender, actions, options)]);
    if (invalid[0] !== undefined) throw invalid[0].error;
    return receipts[0]!;
  }

  account(address: Uint8Array): Account {
    return readAccount(this.store.flat, address);
  }

  storage(contract: Uint8Array, key: string): Uint8Array | undefined {
    return this.store.flat.get(storageKey(contract, new TextEncoder().encode(key)));
  }

  /** Uploads and creates; the contract's address. */
  async deploy(code: Uint8Array, codeHash: Uint8Array, args = new Uint8Array()): Promise<Uint8Array> {
    const receipt = await this.run([
      { kind: "upload", code },
      { kind: "create", codeHash, salt: null, args, value: 0n },
    ]);
    const created = receipt.actions[1]?.created[0];
    if (created === undefined) throw new Error(`the contract was not created: ${JSON.stringify(receipt.status)}`);
    return created;
  }
}
