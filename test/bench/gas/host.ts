/**
 * Host functions against the real chain: LevelDB in a folder, a state of some size, transactions in blocks. A run is a block
 * with one transaction, applied and committed, so a write costs what it costs in the journal, the tree and the database.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Receipt } from "../../../node/block.ts";
import { Chain } from "../../../node/chain.ts";
import { hash } from "../../../node/crypto.ts";
import { defaultParams } from "../../../node/params.ts";
import { Store } from "../../../node/store.ts";
import { type Action, type EncodedTransaction, verifiedTransaction } from "../../../node/transaction.ts";
import * as borsh from "../../../vm/borsh.ts";
import { assert } from "../../../vm/errors.ts";
import { signed, TEST_CHAIN_ID, testAccount } from "../../support/signing.ts";
import { wat } from "../../support/wat.ts";
import { median } from "../statistics.ts";
import { cpuMs, measure, type Reading } from "./case.ts";
import {
  ACCOUNT_COUNT,
  accountAddress,
  calleeText,
  ENTRY_COUNT,
  hostContractText,
  hostMethods,
  inputCodec,
  LARGE_ENTRY_COUNT,
  POPULATE_COUNT,
} from "./host-cases.ts";

const sender = testAccount(1);
const GAS_LIMIT = 2 ** 50;
const TARGET_MS = 15;

export async function readHostFunctions(only = ""): Promise<readonly Reading[]> {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-gas-"));
  const store = await Store.open(folder, {
    genesis: {
      chainId: TEST_CHAIN_ID,
      time: 1_000,
      params: { ...defaultParams, blockGasLimit: GAS_LIMIT },
      proposer: new Uint8Array(32).fill(0xfe),
      balances: [
        { address: sender.address, balance: 2n ** 100n },
        ...Array.from({ length: ACCOUNT_COUNT }, (_, i) => ({ address: accountAddress(i), balance: 1n })),
      ],
      base: null,
    },
  });
  try {
    return await readAll(new BenchChain(store), only);
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function readAll(chain: BenchChain, only: string): Promise<readonly Reading[]> {
  const [calleeWasm, ownWasm] = [wat(calleeText()), wat(hostContractText())];
  const callee = await chain.deploy(calleeWasm);
  const contract = await chain.deploy(ownWasm);
  const call = (method: string, count: number, value = 0n) => {
    const input = { count, callee, calleeCode: hash("code", calleeWasm), ownCode: hash("code", ownWasm) };
    return chain.run([{ kind: "call", contract, method, args: borsh.encode(inputCodec, input), value }]);
  };
  for (let i = 0; i < POPULATE_COUNT; i++) await call(`populate${i}`, ENTRY_COUNT / POPULATE_COUNT, 2n ** 60n);
  await call("populateLarge", LARGE_ENTRY_COUNT);

  const readings: Reading[] = [];
  for (const { group, name, method, countMax } of hostMethods) {
    if (!name.includes(only)) continue;
    const run = async (count: number) => (await call(method, count)).gasUsed;
    const { ns, gas } = await measure(run, { targetMs: TARGET_MS, ...(countMax === undefined ? {} : { countMax }) });
    readings.push({ group, name, tier: "any", ns, gas });
  }
  if (only === "") readings.push(...(await readTransactions(chain)));
  return readings;
}

const TRANSFER_COUNT = 400;

/** Transfers to accounts that were not there, from the check of the signature to the commit. */
async function readTransactions(chain: BenchChain): Promise<readonly Reading[]> {
  let last = ACCOUNT_COUNT;
  const timed = async (count: number) => {
    const encoded = Array.from({ length: count }, () => {
      last++;
      return chain.sign([{ kind: "transfer", to: accountAddress(last), amount: 1n }]).encoded;
    });
    const start = cpuMs();
    const receipts = await chain.extend(encoded.map((bytes) => verifiedTransaction(bytes)));
    return { ms: cpuMs() - start, gas: receipts.reduce((sum, { gasUsed }) => sum + gasUsed, 0) };
  };
  const rounds: number[] = [];
  let gas = 0;
  for (let round = 0; round < 5; round++) {
    const [one, many] = [await timed(1), await timed(TRANSFER_COUNT)];
    rounds.push((many.ms - one.ms) / (TRANSFER_COUNT - 1));
    gas = (many.gas - one.gas) / (TRANSFER_COUNT - 1);
  }
  return [{ group: "transactions", name: "a transfer to a new account", tier: "any", ns: median(rounds) * 1e6, gas }];
}

class BenchChain {
  readonly #store: Store;
  readonly #chain: Chain;
  #nonce = 0;

  constructor(store: Store) {
    this.#store = store;
    this.#chain = new Chain(store);
  }

  sign(actions: readonly Action[], gasLimit = 2_000_000): EncodedTransaction {
    return signed(sender, actions, { nonce: this.#nonce++, gasLimit });
  }

  async extend(transactions: readonly EncodedTransaction[]): Promise<readonly Receipt[]> {
    const time = this.#chain.head.time + 1_000;
    const { proposer } = this.#store.genesis;
    const { receipts, invalid } = await this.#chain.extend({ time, proposer, transactions });
    if (invalid[0] !== undefined) throw invalid[0].error;
    for (const { status } of receipts) {
      assert(status.kind === "success", `a transaction of the bench failed: ${JSON.stringify(status)}`);
    }
    return receipts;
  }

  /** A block of one transaction. */
  async run(actions: readonly Action[]): Promise<Receipt> {
    const [receipt] = await this.extend([this.sign(actions, GAS_LIMIT)]);
    return receipt!;
  }

  async deploy(code: Uint8Array): Promise<Uint8Array> {
    const create: Action = {
      kind: "create",
      codeHash: hash("code", code),
      salt: null,
      args: new Uint8Array(),
      value: 0n,
    };
    const { actions } = await this.run([{ kind: "upload", code }, create]);
    const address = actions[1]?.created[0];
    assert(address !== undefined, "a contract was not created");
    return address;
  }
}
