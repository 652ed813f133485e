/**
 * A node for tests of the commands: a table of answers, which holds every request against the method's own parameters. It is a
 * devnet with the accounts dev0 and dev1, and has one contract, whose storage is typed.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { devAccount } from "../../devnet/accounts.ts";
import { addressToText } from "../../node/address.ts";
import { api, type RpcMethod, type RpcMethods } from "../../node/rpc/api.ts";
import { toHex } from "../../node/rpc/json.ts";
import { ABI_VERSION, type Abi, encodeAbi } from "../../vm/abi.ts";
import { InputError } from "../../vm/errors.ts";

export const [dev0, dev1] = [devAccount(0), devAccount(1)];
export const [ALICE, BOB] = [addressToText(dev0.address), addressToText(dev1.address)];
/** The contract. */
export const stranger = new Uint8Array(32).fill(9);
export const STRANGER = addressToText(stranger);
const hashOf = (byte: string) => `0x${byte.repeat(32)}` as const;
export const [HASH, BLOCK, ROOT] = [hashOf("aa"), hashOf("bb"), hashOf("cc")];
export const NEXT = Date.UTC(2030, 0, 1);

const abi: Abi = {
  types: [],
  methods: [],
  events: [],
  errors: [],
  doc: "",
  version: ABI_VERSION,
  name: "Token",
  storage: [
    { name: "supply", prefix: Uint8Array.of(1, 0x73), key: null, value: { kind: "scalar", name: "u32" } },
    {
      name: "balances",
      prefix: Uint8Array.of(1, 0x62),
      key: { kind: "scalar", name: "address" },
      value: { kind: "scalar", name: "u128" },
    },
  ],
};

export type Results = { readonly [M in RpcMethod]: RpcMethods[M]["result"] };
export type Answers = { readonly [M in RpcMethod]?: Results[M] | InputError };

const head = { height: 7, hash: BLOCK };
const edited = { ...head, transactionHash: HASH };
export const time = { next: NEXT, head: NEXT - 1_500, stepMs: null };
const receipt = {
  transactionHash: HASH,
  status: { kind: "success" },
  gasUsed: 20,
  fee: "20",
  actions: [{ gasUsed: 20, returnData: "0x", created: [STRANGER] }],
  events: [],
} as const;
const included = {
  ...receipt,
  actions: [receipt.actions[0], receipt.actions[0]],
  height: 7,
  blockHash: BLOCK,
  index: 0,
};

export const answers = {
  chain_info: {
    chainId: "test",
    genesisHash: hashOf("dd"),
    height: 6,
    headHash: BLOCK,
    stateRoot: ROOT,
    protocolVersion: 1,
    blockGasLimit: 1_000,
    gasPriceMin: "1",
    pending: 0,
    version: "0.0.0",
  },
  chain_block: {
    height: 7,
    hash: BLOCK,
    parentHash: BLOCK,
    time: 0,
    protocolVersion: 1,
    proposer: BOB,
    gasUsed: 20,
    gasLimit: 1_000,
    stateRoot: ROOT,
    transactionsRoot: HASH,
    receiptsRoot: HASH,
    transactions: [HASH],
  },
  contract_abi: { abi: toHex(encodeAbi(abi)) } as Results["contract_abi"],
  state_account: { nextNonce: 4, balance: "1000000" } as Results["state_account"],
  tx_simulate: { receipt, height: 6, logs: [] } as unknown as Results["tx_simulate"],
  tx_submitAndWait: included,
  node_info: { sealing: { kind: "mixed", intervalMs: 1_500 } } as Results["node_info"],
  dev_accounts: [
    { address: ALICE, secretKey: toHex(dev0.secretKey), path: "m/44'/1'/0'", balance: "1000", label: "Till" },
    { address: BOB, secretKey: toHex(dev1.secretKey), path: "m/44'/1'/1'", balance: "7", label: null },
  ],
  dev_faucet: edited,
  dev_setBalance: edited,
  dev_setNonce: edited,
  dev_setCode: edited,
  dev_setStorage: edited,
  dev_impersonate: { everybody: false, addresses: [STRANGER] },
  dev_stopImpersonating: { everybody: false, addresses: [] },
  dev_mine: head,
  dev_setSealing: { kind: "interval", intervalMs: 500 },
  dev_dropTransactions: { dropped: 3 },
  dev_time: time,
  dev_setTime: time,
  dev_advanceTime: time,
  dev_setTimeStep: { ...time, stepMs: 90_000 },
  dev_snapshot: { snapshot: 3, height: 7 },
  dev_snapshots: [
    { snapshot: 1, height: 2 },
    { snapshot: 3, height: 7 },
  ],
  dev_revert: head,
  dev_reset: { height: 0, hash: BLOCK },
  dev_dump: { dump: "0x010203", height: 7, stateRoot: ROOT },
  dev_load: head,
  dev_setLabel: [{ address: STRANGER, label: "Cold wallet" }],
  dev_labels: [{ address: STRANGER, label: "Cold wallet" }],
} satisfies Answers;

export interface Request {
  readonly method: RpcMethod;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Refuses a request that the method table would refuse. */
function checkRequest({ method, params }: Request): void {
  const fields: Readonly<Record<string, { isOptional: boolean; schema: { read?: (value: unknown) => unknown } }>> =
    api[method].params;
  for (const name of Object.keys(params))
    if (fields[name] === undefined) throw new Error(`${method}: parameter ${name}`);
  for (const [name, { isOptional, schema }] of Object.entries(fields)) {
    if (!(name in params) && isOptional) continue;
    if (schema.read!(params[name]) === undefined) throw new Error(`${method}: ${name} is ${String(params[name])}`);
  }
}

export class AnsweringNode {
  /** In the order of their coming. */
  requests: Request[] = [];
  /** The Authorization header of each. */
  authorizations: (string | undefined)[] = [];
  /** Answers in place of those of the table. */
  special: Answers = {};
  readonly #server = createServer(async (incoming, response) => {
    const { id, method, params } = (await json(incoming)) as Request & { id: number };
    this.requests.push({ method, params });
    this.authorizations.push(incoming.headers.authorization);
    response.end(JSON.stringify({ jsonrpc: "2.0", id, ...this.#answer({ method, params }) }));
  });

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
  }

  forget(): void {
    this.requests = [];
    this.authorizations = [];
    this.special = {};
  }

  /** What was asked but for `chain_info`, with which every command begins. */
  get asked(): readonly (readonly [RpcMethod, object])[] {
    return this.requests.filter(({ method }) => method !== "chain_info").map((it) => [it.method, it.params]);
  }

  #answer(request: Request): object {
    try {
      checkRequest(request);
    } catch (error) {
      return { error: { code: -32_602, message: String(error), data: { code: "invalid_params" } } };
    }
    const result = ({ ...answers, ...this.special } as Answers)[request.method];
    if (!(result instanceof InputError)) return { result };
    const { code, message, hint } = result;
    return { error: { code: -32_000, message, data: { code, hint } } };
  }
}
