/** A node to fork, for tests: a chain in memory behind a real port, with a proxy before it that lies when told to. */
import { onTestFinished } from "vitest";
import { Chain } from "../../node/chain.ts";
import { ChainReader } from "../../node/chain-reader.ts";
import { hash } from "../../node/crypto.ts";
import { BaseSource, type SourceLimits } from "../../node/fork/base-source.ts";
import { openFork } from "../../node/fork/open-fork.ts";
import { remoteAt } from "../../node/fork/remote-node.ts";
import { silentLog } from "../../node/log.ts";
import { readAccount } from "../../node/message-call.ts";
import { startRpcServer } from "../../node/rpc/server.ts";
import type { NodeService } from "../../node/rpc/service.ts";
import type { StateReader } from "../../node/state/journal.ts";
import { whenFetched } from "../../node/state-missing.ts";
import { Store } from "../../node/store.ts";
import { startLyingProxy } from "./lying-proxy.ts";
import { signed, transfer } from "./signing.ts";
import { alice, testGenesis } from "./test-chain.ts";

/** Accounts of the forked chain: the first that many are funded. */
export const FUNDED_COUNT = 300;
export const addressAt = (index: number): Uint8Array => hash("genesis", Uint8Array.of(index >> 8, index & 0xff));
export const balanceAt = (index: number): bigint => BigInt(1_000 + index);

/** A chain of three blocks: its funded accounts, and a transfer of alice in each block to the first of them. */
export async function startForkedNode() {
  const balances = Array.from({ length: FUNDED_COUNT }, (_, i) => ({ address: addressAt(i), balance: balanceAt(i) }));
  const genesis = { ...testGenesis, balances: [...testGenesis.balances, ...balances] };
  const store = Store.inMemory(genesis);
  const chain = new Chain(store);
  const extend = async (): Promise<void> => {
    const transaction = signed(alice, [transfer(addressAt(0), 1n)], { nonce: chain.head.height });
    const input = { time: chain.head.time + 1_000, proposer: genesis.proposer, transactions: [transaction] };
    await chain.extend(input);
  };
  for (let height = 1; height <= 3; height++) await extend();
  const reader = () => new ChainReader(store);
  const service: Partial<NodeService> = {
    genesis,
    genesisHash: store.genesisHash,
    head: () => reader().head,
    block: (height) => reader().block(height),
    stateTree: (height) => reader().stateTree(height),
    withState: (read) => read(),
    info: () => ({ version: "0.0.0", lowestStateHeight: store.lowestHeight }) as ReturnType<NodeService["info"]>,
    poolStatus: () => ({ count: 0, bytes: 0, readyCount: 0, countMax: 0, bytesMax: 0 }),
    onHead: () => () => {},
    onPool: () => () => {},
  };
  const server = await startRpcServer({
    service: service as NodeService,
    host: "127.0.0.1",
    port: 0,
    log: silentLog,
    onFault: (error) => {
      throw error;
    },
  });
  onTestFinished(() => server.close());
  const proxy = await startLyingProxy(server.url);
  return { store, chain, extend, server, proxy, url: proxy.url };
}

/** A fork in memory of the node at `url`. */
export async function forkOf(url: string, { height, limits }: { height?: number; limits?: SourceLimits } = {}) {
  const { genesis, base } = await openFork(url, height);
  const store = Store.inMemory(genesis, base);
  const source = new BaseSource(store, remoteAt(url), limits);
  onTestFinished(() => source.close());
  const read = <T>(reading: (state: StateReader) => T): Promise<T> =>
    whenFetched(
      () => reading(store.flat),
      (missing) => source.fetch(missing),
    );
  return {
    store,
    source,
    read,
    balance: (address: Uint8Array) => read((state) => readAccount(state, address).balance),
  };
}
