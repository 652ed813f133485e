/**
 * The server over real sockets, in front of a node that keeps real blocks and runs nothing.
 */
import { type ClientRequest, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { connect, type Socket } from "node:net";
import { ics23, verifyMembership, verifyNonMembership } from "@confio/ics23";
import { sha256 } from "@noble/hashes/sha2.js";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type RawData, WebSocket } from "ws";
import { ABI_SECTION } from "../../vm/abi.ts";
import { Fault, InputError } from "../../vm/errors.ts";
import { addressToText } from "../address.ts";
import {
  type Block,
  blockHash,
  decodeBlock,
  decodeHeader,
  decodeReceipt,
  type Header,
  type Receipt,
  receiptsRoot,
  transactionsRoot,
} from "../block.ts";
import { hash, publicKeyOf } from "../crypto.ts";
import { decodeGenesis, encodeGenesis, type Genesis } from "../genesis.ts";
import { verifyItem } from "../merkle.ts";
import { defaultParams } from "../params.ts";
import { type Account, accountKey, emptyAccount, encodeAccount, storageKey } from "../state/account.ts";
import { jmtProofSpec } from "../state/ics23.ts";
import { applyChanges } from "../state/tree.ts";
import { verifyKeys } from "../state/verify.ts";
import {
  type Action,
  decodeTransaction,
  encodeTransaction,
  signTransaction,
  TRANSACTION_SIZE_MAX,
  type Transaction,
  transactionHash,
  verifiedTransaction,
} from "../transaction.ts";
import type { SubscriptionEvent } from "./api.ts";
import { type Client, createClient } from "./client.ts";
import { fromHex, toHex } from "./json.ts";
import { MESSAGE_SIZE_MAX } from "./json-rpc.ts";
import { type RpcServerOptions, startRpcServer } from "./server.ts";
import type {
  BlockRecord,
  NodeService,
  SimulationResult,
  TransactionRecord,
  ViewRequest,
  ViewResult,
} from "./service.ts";

// A chain of real blocks that runs nothing: it admits transactions, seals each in a block, and knows one contract.

const secretKey = new Uint8Array(32).fill(7);
const sender = publicKeyOf(secretKey);
const contract = new Uint8Array(32).fill(3);
const abiBytes = Uint8Array.of(1, 2, 3);
const abiName = new TextEncoder().encode(ABI_SECTION);
const code = Uint8Array.of(
  0,
  0x61,
  0x73,
  0x6d,
  1,
  0,
  0,
  0,
  0,
  1 + abiName.length + 3,
  abiName.length,
  ...abiName,
  ...abiBytes,
);
const codeHash = hash("code", code);
const bareCode = code.slice(0, 8);
const noHash = new Uint8Array(32);

class FakeNode implements NodeService {
  readonly genesis: Genesis = {
    chainId: "test",
    time: 0,
    params: defaultParams,
    proposer: sender,
    balances: [{ address: sender, balance: 1n << 100n }],
  };
  readonly genesisHash = hash("genesis", encodeGenesis(this.genesis));
  readonly #records: BlockRecord[] = [];
  readonly #listeners = new Set<(record: BlockRecord) => void>();
  /** Called at the start of every view; a test blocks or breaks the node here. */
  onView: () => void | Promise<void> = () => {};
  codeReads = 0;
  bigCode = new Uint8Array(1024 * 1024).fill(0xab);

  constructor() {
    this.seal([]);
  }

  seal(transactions: readonly Transaction[]): BlockRecord {
    const receipts = transactions.map((transaction) => this.#receipt(transaction));
    const header: Header = {
      height: this.#records.length,
      parentHash: this.#records.at(-1)?.hash ?? noHash,
      time: this.#records.length * 1000,
      protocolVersion: 1,
      proposer: sender,
      gasUsed: receipts.length * 21,
      gasLimit: defaultParams.blockGasLimit,
      stateRoot: noHash,
      transactionsRoot: transactionsRoot(transactions),
      receiptsRoot: receiptsRoot(receipts),
    };
    const record = { header, hash: blockHash(header), block: { header, transactions } satisfies Block, receipts };
    this.#records.push(record);
    this.announce(record);
    return record;
  }

  announce(record: BlockRecord): void {
    for (const listener of this.#listeners) listener(record);
  }

  #receipt(transaction: Transaction): Receipt {
    return {
      transactionHash: transactionHash(encodeTransaction(transaction)),
      status: { kind: "revert", code: 0, data: new TextEncoder().encode("no funds") },
      gasUsed: 21,
      fee: (1n << 64n) + 1n,
      actions: [{ gasUsed: 21, returnData: Uint8Array.of(9), created: [contract] }],
      events: [{ contract, topics: [new TextEncoder().encode("Moved")], data: Uint8Array.of(1) }],
    };
  }

  head() {
    return this.#records.at(-1)!;
  }
  block(height: number) {
    return this.#records[height];
  }
  heightOf(hash: Uint8Array) {
    const height = this.#records.findIndex((record) => toHex(record.hash) === toHex(hash));
    return height < 0 ? undefined : height;
  }
  transaction(hash: Uint8Array): TransactionRecord | undefined {
    for (const { block, receipts, header, hash: blockHash } of this.#records) {
      const index = receipts.findIndex((receipt) => toHex(receipt.transactionHash) === toHex(hash));
      if (index < 0) continue;
      const [transaction, receipt] = [block.transactions[index]!, receipts[index]!];
      return { transaction, receipt, height: header.height, blockHash, index };
    }
    return undefined;
  }
  account(address: Uint8Array): Account {
    if (toHex(address) === toHex(contract)) return { nonce: 0, balance: 5n, codeHash };
    return toHex(address) === toHex(sender) ? { nonce: 4, balance: 1n << 100n, codeHash: null } : emptyAccount;
  }
  nextNonce(address: Uint8Array) {
    return this.account(address).nonce + 2;
  }
  storage(_: Uint8Array, key: Uint8Array) {
    return key[0] === 1 ? Uint8Array.of(0xaa) : undefined;
  }
  code(wanted: Uint8Array) {
    this.codeReads++;
    if (wanted[0] === 0xff) return this.bigCode;
    return toHex(wanted) === toHex(codeHash) ? code : undefined;
  }
  /** One block's state, whatever the height: the sender's account and one entry. */
  stateTree(height = this.head().header.height) {
    if (height >= this.#records.length) throw new InputError("height_unknown", "there is no such block");
    const nodes = new Map<string, Uint8Array>();
    const reader = { getNode: (key: Uint8Array) => nodes.get(toHex(key)) };
    const { newNodes, root } = applyChanges(reader, null, height, [
      { key: accountKey(sender), value: encodeAccount(this.account(sender)) },
      { key: storageKey(contract, Uint8Array.of(1)), value: new Uint8Array() },
    ]);
    for (const { key, bytes } of newNodes) nodes.set(toHex(key), bytes);
    return { header: { ...this.#records[height]!.header, stateRoot: root }, nodes: reader };
  }
  pendingCount() {
    return 1;
  }
  async submit(encoded: Uint8Array) {
    return (await this.submitAndWait(encoded)).receipt.transactionHash;
  }
  async submitAndWait(encoded: Uint8Array): Promise<TransactionRecord> {
    const { transaction } = verifiedTransaction(encoded);
    if (transaction.body.expiryHeight < this.#records.length) throw new InputError("wait_timeout", "no block came");
    this.seal([transaction]);
    return this.transaction(transactionHash(encoded))!;
  }
  async simulate(encoded: Uint8Array): Promise<SimulationResult> {
    return { receipt: this.#receipt(decodeTransaction(encoded)), height: this.head().header.height, logs: ["hi"] };
  }
  async view({ method, gasLimit = 7 }: ViewRequest): Promise<ViewResult> {
    await this.onView();
    const outcome =
      method === "get"
        ? ({ kind: "success", data: Uint8Array.of(1) } as const)
        : ({ kind: "halt", reason: "OutOfGas" } as const);
    return { outcome, gasUsed: gasLimit, height: this.head().header.height, logs: [] };
  }
  onHead(listener: (record: BlockRecord) => void) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

const upload = (size: number): Action => ({ kind: "upload", code: new Uint8Array(size) });
const call: Action = { kind: "call", contract, method: "transfer", args: Uint8Array.of(1), value: 3n };
function transaction(...actions: Action[]): Uint8Array {
  const body = { chainId: "test", sender, nonce: 4, gasLimit: 100, gasPrice: 1n, expiryHeight: 1000, actions };
  return encodeTransaction(signTransaction(body, secretKey));
}

// Servers and clients of a test, closed after it.

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(options: Partial<RpcServerOptions> = {}) {
  const node = new FakeNode();
  const faults: unknown[] = [];
  const logs: string[] = [];
  const server = await startRpcServer({
    service: node,
    host: "127.0.0.1",
    port: 0,
    onFault: (error) => faults.push(error),
    log: (message) => logs.push(message),
    ...options,
  });
  closers.push(() => server.close());
  return { ...server, node, faults, logs, http: `http://127.0.0.1:${server.port}` };
}

function client(url: string, options?: Parameters<typeof createClient>[1]): Client {
  const created = createClient(url, options);
  closers.push(() => created.close());
  return created;
}

interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

function http(
  port: number,
  { method = "POST", path = "/", headers = {}, body = "" as string | Uint8Array } = {},
): Promise<HttpAnswer> {
  const all = { "Content-Type": "application/json", ...headers };
  const request = httpRequest({ port, host: "127.0.0.1", method, path, headers: all });
  request.end(body);
  return answerOf(request);
}

function answerOf(request: ClientRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    request.on("error", reject);
    request.on("response", async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      resolve({ status: response.statusCode!, headers: response.headers, text: Buffer.concat(chunks).toString() });
    });
  });
}

/** A raw socket behind a WebSocket handshake. */
async function handshake(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  closers.push(() => socket.destroy());
  socket.on("error", () => {});
  socket.write(
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  await readUntil(socket, "\r\n\r\n");
  return socket;
}

function connectWs(url: string, headers: Record<string, string> = {}): Promise<WebSocket> {
  const socket = new WebSocket(url, { headers, perMessageDeflate: false, maxPayload: 0 });
  closers.push(() => socket.terminate());
  return new Promise((resolve, reject) => {
    socket.once("open", () => resolve(socket));
    socket.once("error", reject);
  });
}

const nextMessage = (socket: WebSocket) =>
  new Promise<string>((resolve) => socket.once("message", (data: RawData) => resolve(data.toString())));
const closeOf = (socket: WebSocket) =>
  new Promise<{ code: number; reason: string }>((resolve) =>
    socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() })),
  );
const rpc = (method: string, params: object = {}, id: unknown = 1) =>
  JSON.stringify({ jsonrpc: "2.0", id, method, params });
const failing = (code: string) => expect.objectContaining({ code });

type Transport = "ws" | "http";
const transports = ["ws", "http"] as const;
/** One raw message and the raw answer to it. */
async function exchange(transport: Transport, port: number, text: string | Uint8Array): Promise<string> {
  if (transport === "http") return (await http(port, { body: text })).text;
  const socket = await connectWs(`ws://127.0.0.1:${port}`);
  const answer = nextMessage(socket);
  socket.send(text);
  return answer;
}

describe.each(transports)("every method answers over %s", (transport) => {
  const open = async () => {
    const server = await start();
    return { ...server, api: client(transport === "ws" ? server.url : server.http) };
  };

  test("the chain", async () => {
    const { api, node } = await open();
    const [zero, one] = [node.head(), node.seal([decodeTransaction(transaction(call))])];
    expect(await api.call("chain_info", {})).toEqual({
      chainId: "test",
      genesisHash: toHex(node.genesisHash),
      height: 1,
      headHash: toHex(one.hash),
      stateRoot: toHex(noHash),
      protocolVersion: 1,
      blockGasLimit: defaultParams.blockGasLimit,
      gasPriceMin: "1",
      pending: 1,
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
    expect(decodeGenesis(fromHex((await api.call("chain_genesis", {})).genesis))).toEqual(node.genesis);
    const head = await api.call("chain_block", {});
    expect(head).toMatchObject({ height: 1, hash: toHex(one.hash), parentHash: toHex(zero.hash), gasUsed: 21 });
    expect(head!.transactions).toEqual([toHex(transactionHash(transaction(call)))]);
    expect(await api.call("chain_block", { hash: toHex(one.hash) })).toEqual(head);
    expect(await api.call("chain_block", { height: 0 })).toMatchObject({ height: 0, transactions: [] });
    expect(await api.call("chain_block", { height: 2 })).toBeNull();
    expect(await api.call("chain_block", { hash: toHex(noHash) })).toBeNull();
    const raw = await api.call("chain_rawBlock", { height: 1 });
    expect(decodeBlock(fromHex(raw!.block))).toEqual(one.block);
    expect(raw!.receipts.map((receipt) => decodeReceipt(fromHex(receipt)))).toEqual(one.receipts);
    expect(await api.call("chain_rawBlock", { height: 2 })).toBeNull();
  });

  test("transactions", async () => {
    const { api, node } = await open();
    const actions: Action[] = [
      { kind: "transfer", to: contract, amount: (1n << 128n) - 1n },
      upload(5),
      { kind: "create", codeHash, salt: null, args: new Uint8Array(), value: 0n },
      { kind: "create", codeHash, salt: noHash, args: new Uint8Array(), value: 0n },
      call,
    ];
    const encoded = transaction(...actions);
    const hashHex = toHex(transactionHash(encoded));
    const simulated = await api.call("tx_simulate", { transaction: toHex(encoded) });
    expect(simulated).toMatchObject({ height: 0, logs: ["hi"], receipt: { transactionHash: hashHex } });
    expect(await api.call("tx_receipt", { hash: hashHex })).toBeNull();
    expect(await api.call("tx_get", { hash: hashHex })).toBeNull();
    expect(await api.call("tx_submit", { transaction: toHex(encoded) })).toEqual({ hash: hashHex });
    const receipt = await api.call("tx_receipt", { hash: hashHex });
    expect(receipt).toEqual({
      transactionHash: hashHex,
      status: { kind: "revert", code: 0, data: toHex(new TextEncoder().encode("no funds")), message: "no funds" },
      gasUsed: 21,
      fee: "18446744073709551617",
      actions: [{ gasUsed: 21, returnData: "0x09", created: [addressToText(contract)] }],
      events: [{ contract: addressToText(contract), name: "Moved", topics: ["0x4d6f766564"], data: "0x01" }],
      height: 1,
      blockHash: toHex(node.head().hash),
      index: 0,
    });
    expect(await api.call("tx_get", { hash: hashHex })).toMatchObject({
      hash: hashHex,
      sender: addressToText(sender),
      nonce: 4,
      gasPrice: "1",
      height: 1,
      actions: [
        { kind: "transfer", to: addressToText(contract), amount: "340282366920938463463374607431768211455" },
        { kind: "upload", codeHash: toHex(hash("code", new Uint8Array(5))), codeSize: 5 },
        { kind: "create", salt: null },
        { kind: "create", salt: toHex(noHash) },
        { kind: "call", contract: addressToText(contract), method: "transfer", args: "0x01", value: "3" },
      ],
    });
    const waited = await api.call("tx_submitAndWait", { transaction: toHex(encoded), timeoutMs: 1 });
    expect(waited).toMatchObject({ transactionHash: hashHex, height: expect.any(Number) });
  });

  test("a transaction of the largest size fits in a message", async () => {
    const { api } = await open();
    const spare = transaction(upload(0)).length;
    const encoded = transaction(upload(TRANSACTION_SIZE_MAX - spare));
    expect(encoded.length).toBe(TRANSACTION_SIZE_MAX);
    const { hash } = await api.call("tx_submit", { transaction: toHex(encoded) });
    expect(hash).toBe(toHex(transactionHash(encoded)));
  });

  test("state and contracts", async () => {
    const { api, node } = await open();
    const [name, empty] = [addressToText(contract), addressToText(noHash)];
    expect(await api.call("state_account", { address: addressToText(sender) })).toEqual({
      address: addressToText(sender),
      nonce: 4,
      nextNonce: 6,
      balance: String(1n << 100n),
      codeHash: null,
    });
    expect(await api.call("state_storage", { contract: name, key: "0x01" })).toBe("0xaa");
    expect(await api.call("state_storage", { contract: name, key: "0x" })).toBeNull();
    expect(await api.call("contract_code", { codeHash: toHex(codeHash) })).toBe(toHex(code));
    expect(await api.call("contract_code", { codeHash: toHex(noHash) })).toBeNull();
    expect(await api.call("contract_abi", { contract: name })).toEqual({
      codeHash: toHex(codeHash),
      abi: toHex(abiBytes),
    });
    node.code = () => bareCode;
    expect(await api.call("contract_abi", { contract: name })).toEqual({ codeHash: toHex(codeHash), abi: null });
    await expect(api.call("contract_abi", { contract: empty })).rejects.toThrow(failing("not_a_contract"));
    expect(await api.call("contract_view", { contract: name, method: "get", gasLimit: 9 })).toEqual({
      status: { kind: "success" },
      returnData: "0x01",
      gasUsed: 9,
      height: 0,
      logs: [],
    });
    expect(await api.call("contract_view", { contract: name, method: "loop", args: "0x", caller: name })).toMatchObject(
      {
        status: { kind: "halt", reason: "OutOfGas" },
        returnData: "0x",
      },
    );
  });

  test("state with a proof against the header's root", async () => {
    const { api, node } = await open();
    node.seal([]);
    const keys = [storageKey(contract, Uint8Array.of(1)), accountKey(contract), accountKey(sender)];
    const { header, values, proof } = await api.call("state_proof", { keys: keys.map(toHex) });
    expect(values).toEqual(["0x", null, toHex(encodeAccount(node.account(sender)))]);
    const { height, stateRoot } = decodeHeader(fromHex(header));
    expect(height).toBe(1);
    const claims = keys.map((key, i) => ({ key, value: values[i]! === null ? null : fromHex(values[i]!) }));
    verifyKeys(stateRoot, claims, fromHex(proof));
    expect(() => verifyKeys(stateRoot, claims.with(1, claims[2]!), fromHex(proof))).toThrow(failing("proof_keys"));
    const earlier = await api.call("state_proof", { keys: [toHex(keys[0]!)], height: 0 });
    expect(decodeHeader(fromHex(earlier.header)).height).toBe(0);
    const twice = { keys: [toHex(keys[0]!), toHex(keys[0]!)] };
    await expect(api.call("state_proof", twice)).rejects.toThrow(failing("proof_keys"));
    await expect(api.call("state_proof", { ...twice, height: 2 })).rejects.toThrow(failing("height_unknown"));
  });

  test("state with a proof for ICS-23", async () => {
    const { api } = await open();
    for (const [key, kind] of [
      [accountKey(sender), "exist"],
      [accountKey(contract), "nonexist"],
    ] as const) {
      const { header, proof } = await api.call("state_ics23Proof", { key: toHex(key) });
      const { stateRoot } = decodeHeader(fromHex(header));
      const decoded = ics23.CommitmentProof.fromObject(proof);
      expect(decoded.proof).toBe(kind);
      const [keyHash, value] = [sha256(key), sha256(encodeAccount({ ...emptyAccount, nonce: 4, balance: 1n << 100n }))];
      const isAccepted =
        kind === "exist"
          ? verifyMembership(decoded, jmtProofSpec, stateRoot, keyHash, value)
          : verifyNonMembership(decoded, jmtProofSpec, stateRoot, keyHash);
      expect(isAccepted).toBe(true);
    }
  });

  test("a transaction and its receipt with their audit paths", async () => {
    const { api, node } = await open();
    const transactions = [1, 2, 3].map((size) => decodeTransaction(transaction(upload(size))));
    const { header } = node.seal(transactions);
    node.seal([]);
    for (const [index, transaction] of transactions.entries()) {
      const hash = toHex(transactionHash(encodeTransaction(transaction)));
      const proof = (await api.call("tx_proof", { hash }))!;
      expect(decodeHeader(fromHex(proof.header))).toEqual(header);
      expect(proof).toMatchObject({ index, count: 3 });
      expect(decodeTransaction(fromHex(proof.transaction.bytes))).toEqual(transaction);
      expect(toHex(decodeReceipt(fromHex(proof.receipt.bytes)).transactionHash)).toBe(hash);
      const check = (root: Uint8Array, { bytes, path }: typeof proof.receipt) =>
        verifyItem(root, fromHex(bytes), proof, path.map(fromHex));
      check(header.transactionsRoot, proof.transaction);
      check(header.receiptsRoot, proof.receipt);
      expect(() => check(header.receiptsRoot, proof.transaction)).toThrow(failing("proof_root"));
    }
    expect(await api.call("tx_proof", { hash: toHex(noHash) })).toBeNull();
  });

  test("what the node refuses keeps the node's code", async () => {
    const { api } = await open();
    const submit = (encoded: Uint8Array) => api.call("tx_submit", { transaction: toHex(encoded) });
    const broken = transaction(call);
    broken[broken.length - 1]! ^= 1;
    await expect(submit(broken)).rejects.toThrow(failing("bad_signature"));
    await expect(submit(new Uint8Array())).rejects.toMatchObject({ code: "borsh_truncated", details: { offset: 0 } });
    await expect(submit(new Uint8Array(TRANSACTION_SIZE_MAX + 1))).rejects.toMatchObject({
      name: "RpcError",
      code: "transaction_too_large",
      rpcCode: -32000,
    });
  });
});

describe.each(transports)("bad messages over %s", (transport) => {
  const addressText = addressToText(contract);
  const flipped = `${addressText.slice(0, -1)}${addressText.endsWith("q") ? "p" : "q"}`;

  test.each<[string, string | Uint8Array, number, string]>([
    ["no JSON", "hello", -32700, "parse_error"],
    ["a megabyte of brackets", "[".repeat(1_000_000), -32700, "json_too_deep"],
    ["an empty batch", "[]", -32600, "batch_empty"],
    ["a batch too long", `[${"1,".repeat(100)}1]`, -32600, "batch_too_large"],
    ["no request", '"chain_info"', -32600, "invalid_request"],
    ["an unknown method", rpc("chain_head"), -32601, "method_unknown"],
    ["__proto__ as method", rpc("__proto__"), -32601, "method_unknown"],
    ["constructor as method", rpc("constructor"), -32601, "method_unknown"],
    ["hasOwnProperty as method", rpc("hasOwnProperty"), -32601, "method_unknown"],
    ["an empty method", rpc(""), -32601, "method_unknown"],
    ["parameters by position", rpc("chain_block", [1]), -32602, "invalid_params"],
    ["a missing parameter", rpc("tx_get"), -32602, "invalid_params"],
    ["an unknown parameter", rpc("chain_info", { verbose: true }), -32602, "invalid_params"],
    ["a parameter __proto__", rpc("chain_info").replace("{}", '{"__proto__":1}'), -32602, "invalid_params"],
    ["a parameter null", rpc("chain_block", { height: null }), -32602, "invalid_params"],
    ["a height as text", rpc("chain_block", { height: "1" }), -32602, "invalid_params"],
    ["a negative height", rpc("chain_block", { height: -1 }), -32602, "invalid_params"],
    ["a fraction as height", rpc("chain_block", { height: 0.5 }), -32602, "invalid_params"],
    ["a height of 2^53", rpc("chain_block", { height: 2 ** 53 }), -32602, "invalid_params"],
    ["height and hash", rpc("chain_block", { height: 0, hash: toHex(noHash) }), -32602, "invalid_params"],
    ["a hash too short", rpc("tx_get", { hash: "0x00" }), -32602, "invalid_params"],
    ["a hash as number", rpc("tx_get", { hash: 0 }), -32602, "invalid_params"],
    ["a hash as list", rpc("tx_get", { hash: [] }), -32602, "invalid_params"],
    ["no list of keys", rpc("state_proof", { keys: "0x00" }), -32602, "invalid_params"],
    ["an empty list of keys", rpc("state_proof", { keys: [] }), -32602, "invalid_params"],
    ["too many keys", rpc("state_proof", { keys: new Array(65).fill("0x00") }), -32602, "invalid_params"],
    ["a key that is no text", rpc("state_proof", { keys: ["0x00", 1] }), -32602, "invalid_params"],
    ["a key that is no hex", rpc("state_proof", { keys: ["0x00", "account"] }), -32602, "hex_invalid"],
    ["hex without 0x", rpc("tx_submit", { transaction: "00" }), -32602, "hex_invalid"],
    ["hex of odd length", rpc("tx_submit", { transaction: "0x0" }), -32602, "hex_invalid"],
    [
      "megabytes of hex with one bad digit",
      rpc("tx_submit", { transaction: `0x${"a".repeat(2e6)}g0` }),
      -32602,
      "hex_invalid",
    ],
    ["an address of another chain", rpc("state_account", { address: "cosmos1qqqqqq" }), -32602, "address_invalid"],
    ["an address in capitals", rpc("state_account", { address: addressText.toUpperCase() }), -32602, "address_invalid"],
    ["an address with a typo", rpc("state_account", { address: flipped }), -32602, "address_invalid"],
    ["a megabyte as address", rpc("state_account", { address: "x".repeat(1e6) }), -32602, "invalid_params"],
    [
      "a method name too long",
      rpc("contract_view", { contract: addressText, method: "x".repeat(257) }),
      -32602,
      "invalid_params",
    ],
    [
      "a method name with half a character",
      rpc("contract_view", { contract: addressText, method: "\ud800" }),
      -32602,
      "invalid_params",
    ],
    ["a wait of nothing", rpc("tx_submitAndWait", { transaction: "0x", timeoutMs: 0 }), -32602, "invalid_params"],
    ["a wait too long", rpc("tx_submitAndWait", { transaction: "0x", timeoutMs: 60_001 }), -32602, "invalid_params"],
    ["an unknown topic", rpc("chain_subscribe", { topic: "logs" }), -32602, "invalid_params"],
  ])("%s", async (_, text, number, code) => {
    const { port, faults } = await start();
    const answer = await exchange(transport, port, text);
    expect(JSON.parse(answer)).toMatchObject({ jsonrpc: "2.0", error: { code: number, data: { code } } });
    // Nobody's megabyte comes back in an error.
    expect(answer.length).toBeLessThan(1000);
    expect(faults).toEqual([]);
  });

  test("the unknown or missing parameter is named, and so are the known ones", async () => {
    const { port } = await start();
    const ask = async (params: object) =>
      JSON.parse(await exchange(transport, port, rpc("state_storage", params))).error;
    expect((await ask({ adress: 1 })).message).toContain('"adress"');
    expect((await ask({ contract: addressText })).message).toContain('"key"');
    expect((await ask({ contract: addressText })).data).toMatchObject({
      hint: "The parameters are contract, key.",
      details: { parameter: "key" },
    });
    expect((await ask({ contract: flipped, key: "0x" })).data).toMatchObject({ details: { parameter: "contract" } });
  });

  test("a batch is answered in order and notifications are not answered", async () => {
    const { port } = await start();
    const notification = '{"jsonrpc":"2.0","method":"chain_info"}';
    const batch = `[${rpc("chain_block", { height: 9 }, "a")},${notification},${rpc("x", {}, null)}]`;
    expect(JSON.parse(await exchange(transport, port, batch))).toMatchObject([
      { id: "a", result: null },
      { id: null, error: { data: { code: "method_unknown" } } },
    ]);
  });

  test("a fault is hidden from the client and told to the node, which goes on", async () => {
    const { port, faults, node } = await start();
    const fault = new Fault("secret disk");
    node.onView = () => {
      throw fault;
    };
    const view = rpc("contract_view", { contract: addressText, method: "get" });
    const answer = await exchange(transport, port, view);
    expect(JSON.parse(answer)).toMatchObject({ id: 1, error: { code: -32603, data: { code: "internal_error" } } });
    expect(answer).not.toContain("secret");
    expect(faults).toEqual([fault]);
    node.onView = () => {};
    expect(JSON.parse(await exchange(transport, port, view))).toHaveProperty("result");
  });
});

describe("what is bad about the transport itself", () => {
  test("a WebSocket refuses binary frames and goes on; bad UTF-8 ends it with 1007", async () => {
    const { url } = await start();
    const socket = await connectWs(url);
    socket.send(Buffer.from(rpc("chain_info")), { binary: true });
    expect(JSON.parse(await nextMessage(socket))).toMatchObject({
      id: null,
      error: { code: -32700, data: { code: "binary_frame" } },
    });
    socket.send(rpc("chain_info"));
    expect(JSON.parse(await nextMessage(socket))).toHaveProperty("result");
    // Thousands of the smallest come in one read.
    const count = 20_000;
    let answers = 0;
    const all = new Promise<void>((resolve) => {
      socket.on("message", () => ++answers === count && resolve());
    });
    for (let i = 0; i < count; i++) socket.send(new Uint8Array());
    await all;
    socket.send(Buffer.from([0xff, 0xfe]), { binary: false });
    expect(await closeOf(socket)).toMatchObject({ code: 1007 });
  });

  test("HTTP answers bad UTF-8 with an error, and notifications with 204", async () => {
    const { port } = await start();
    const answer = await http(port, { body: Uint8Array.of(0x22, 0xff, 0x22) });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({ error: { code: -32700, data: { code: "invalid_utf8" } } });
    expect(await http(port, { body: '{"jsonrpc":"2.0","method":"x"}' })).toMatchObject({ status: 204, text: "" });
  });

  test.each([
    ["GET", "/", {}, 405, "method_not_allowed"],
    ["PUT", "/", {}, 405, "method_not_allowed"],
    ["POST", "/health", {}, 405, "method_not_allowed"],
    ["DELETE", "/ready", {}, 405, "method_not_allowed"],
    ["POST", "/rpc", {}, 404, "not_found"],
    ["GET", "/healthz", {}, 404, "not_found"],
    ["POST", "//", {}, 404, "not_found"],
    ["POST", "http://localhost/", {}, 404, "not_found"],
    ["POST", "/", { "content-type": "text/plain" }, 415, "content_type"],
    ["POST", "/", { "content-type": "application/x-www-form-urlencoded" }, 415, "content_type"],
    ["POST", "/", { "content-type": "application/jsonp" }, 415, "content_type"],
    ["POST", "/", { "content-type": "" }, 415, "content_type"],
  ])("HTTP %s %s %o is %i %s", async (method, path, headers, status, code) => {
    const { port } = await start();
    const answer = await http(port, { method, path, headers });
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toMatchObject({ jsonrpc: "2.0", id: null, error: { data: { code } } });
    if (status === 405) expect(answer.headers.allow).toMatch(/POST|GET/);
  });

  test("/health and /ready answer, to HEAD too", async () => {
    const { port, node } = await start();
    node.seal([]);
    const health = await http(port, { method: "GET", path: "/health?probe" });
    expect(health.status).toBe(200);
    expect(JSON.parse(health.text)).toEqual({ status: "ok", height: 1 });
    expect(JSON.parse((await http(port, { method: "GET", path: "/ready" })).text).status).toBe("ready");
    expect(await http(port, { method: "HEAD", path: "/ready" })).toMatchObject({ status: 200, text: "" });
  });

  test("HTTP keeps a connection alive", async () => {
    const { port } = await start();
    const socket = connect(port, "127.0.0.1");
    closers.push(() => socket.destroy());
    const body = rpc("chain_info");
    const text = `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    for (let i = 0; i < 3; i++) {
      socket.write(text);
      expect(await readUntil(socket, '"version":"')).toContain("HTTP/1.1 200");
    }
  });

  test("HTTP pipelining is bounded", async () => {
    const { port, node, logs } = await start({ limits: { pipelinedMax: 3, closeGraceMs: 50 } });
    let views = 0;
    node.onView = () => {
      views++;
      return new Promise(() => {});
    };
    const socket = connect(port, "127.0.0.1");
    const body = rpc("contract_view", { contract: addressToText(contract), method: "get" });
    const text = `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    socket.on("error", () => {});
    socket.write(text.repeat(100));
    await new Promise((resolve) => socket.once("close", resolve));
    expect(views).toBeLessThanOrEqual(3);
    expect(logs).toHaveLength(1);
  });
});

/** Reads from a socket until `end` appears. */
function readUntil(socket: Socket, end: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const onData = (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (!text.includes(end)) return;
      socket.off("data", onData);
      resolve(text);
    };
    socket.on("data", onData);
    socket.once("close", () => reject(new Error(`closed after ${text}`)));
  });
}

describe("another site's page does not reach the node", () => {
  const good = ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:80", "127.1.2.3", "[::1]", "[::1]:9650"];
  const bad = [
    "evil.example",
    "localhost.evil.example",
    "localhost.",
    "localhost:1@evil.example",
    "127.0.0.1.evil.example",
    "1270.0.0.1",
    "0.0.0.0",
    "192.168.0.1",
    "::1",
    "localhost:123456",
    "localhost/",
  ];
  const badOrigins = [
    "null",
    "file://",
    "chrome-extension://abc",
    "ws://localhost",
    "http://localhost/",
    "localhost",
    "http://",
  ];

  test("by Host", async () => {
    const { port, url } = await start();
    for (const host of good)
      expect((await http(port, { headers: { host }, body: rpc("chain_info") })).status, host).toBe(200);
    for (const host of bad) {
      const answer = await http(port, { headers: { host }, body: rpc("chain_info") });
      expect(answer.status, host).toBe(403);
      expect(JSON.parse(answer.text).error.data.code).toBe("forbidden_host");
      expect((await http(port, { method: "GET", path: "/health", headers: { host } })).status, host).toBe(403);
      await expect(connectWs(url, { host }), host).rejects.toThrow("403");
    }
    for (const host of good) await connectWs(url, { host });
    const old = connect(port, "127.0.0.1");
    old.write("GET /health HTTP/1.0\r\n\r\n");
    expect(await readUntil(old, "forbidden_host")).toContain("HTTP/1.1 403");
  });

  test("by Origin; a page of this machine gets the headers that let it read the answer", async () => {
    const { port, url } = await start();
    for (const origin of good.flatMap((host) => [`http://${host}`, `https://${host}`])) {
      const answer = await http(port, { headers: { origin }, body: rpc("chain_info") });
      expect(answer.status, origin).toBe(200);
      expect(answer.headers).toMatchObject({ "access-control-allow-origin": origin, vary: "Origin" });
      const preflight = await http(port, { method: "OPTIONS", headers: { origin } });
      expect(preflight).toMatchObject({ status: 204, headers: { "access-control-allow-headers": "Content-Type" } });
      await connectWs(url, { origin });
    }
    for (const origin of [...bad.map((host) => `http://${host}`), ...badOrigins]) {
      for (const method of ["POST", "OPTIONS"]) {
        const answer = await http(port, { method, headers: { origin }, body: rpc("chain_info") });
        expect(answer.status, origin).toBe(403);
        expect(JSON.parse(answer.text).error.data.code).toBe("forbidden_origin");
        expect(answer.headers).not.toHaveProperty("access-control-allow-origin");
      }
      await expect(connectWs(url, { origin }), origin).rejects.toThrow("403");
    }
  });

  test("a node that listens for others has other names, and still refuses foreign pages", async () => {
    const { port } = await start({ host: "0.0.0.0" });
    const ask = (headers: Record<string, string>) => http(port, { headers, body: rpc("chain_info") });
    expect((await ask({ host: "devnet.example:9650" })).status).toBe(200);
    expect((await ask({ host: "devnet.example", origin: "http://devnet.example" })).status).toBe(403);
  });
});

describe("a message of 100 MB is refused without being kept, and others do not notice", () => {
  const total = 100 * 1024 * 1024;
  const chunk = Buffer.alloc(1024 * 1024, 0x20);

  /** Runs `attack`; afterwards, the node has kept no more than a few messages at any time and still serves others. */
  async function surviving(attack: (port: number) => Promise<void>): Promise<void> {
    const { port, url, faults } = await start();
    const other = client(url);
    await other.call("chain_info", {});
    const before = process.memoryUsage().arrayBuffers;
    let peak = 0;
    const calls: Promise<unknown>[] = [];
    const observe = () => {
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
      calls.push(other.call("chain_info", {}));
    };
    observe();
    const timer = setInterval(observe, 5);
    await attack(port).finally(() => clearInterval(timer));
    observe();
    await Promise.all(calls);
    expect(peak).toBeLessThan(total / 2);
    expect(faults).toEqual([]);
  }

  test.each([
    ["with its length announced", { "Content-Length": String(total) }],
    ["in chunks without end", { "Transfer-Encoding": "chunked" }],
  ])("HTTP, %s: 413", async (_, framing) => {
    await surviving(async (port) => {
      const request = httpRequest({
        port,
        host: "127.0.0.1",
        method: "POST",
        headers: { "Content-Type": "application/json", ...framing },
      });
      const answered = answerOf(request);
      for (let sent = 0; sent < total; sent += chunk.length) {
        await new Promise((resolve) => request.write(chunk, resolve));
        await new Promise(setImmediate);
      }
      request.end();
      const { status, text } = await answered;
      expect(status).toBe(413);
      expect(JSON.parse(text)).toMatchObject({ id: null, error: { data: { code: "payload_too_large" } } });
    });
  });

  test("HTTP, asking first: refused before the body is sent", async () => {
    const { port } = await start();
    const socket = connect(port, "127.0.0.1");
    closers.push(() => socket.destroy());
    const head = (length: number) =>
      `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;
    socket.write(head(total));
    expect(await readUntil(socket, "payload_too_large")).toMatch(/^HTTP\/1.1 413/);
    const polite = connect(port, "127.0.0.1");
    closers.push(() => polite.destroy());
    polite.write(head(2));
    expect(await readUntil(polite, "\r\n\r\n")).toMatch(/^HTTP\/1.1 100/);
    polite.write("[]");
    expect(await readUntil(polite, "batch_empty")).toMatch(/^HTTP\/1.1 200/);
  });

  test("HTTP, one byte too many is refused and the largest is not", async () => {
    const { port } = await start();
    const body = rpc("chain_info").padEnd(MESSAGE_SIZE_MAX);
    expect((await http(port, { body })).status).toBe(200);
    expect((await http(port, { body: `${body} ` })).status).toBe(413);
    expect((await http(port, { body: `${body} `, headers: { "Transfer-Encoding": "chunked" } })).status).toBe(413);
  });

  test.each([
    ["in one frame", 0x81, total],
    ["in fragments", 0x01, chunk.length],
  ])("WebSocket, %s: close code 1009", async (_, firstByte, frameSize) => {
    await surviving(async (port) => {
      const socket = await handshake(port);
      let received = "";
      socket.on("data", (bytes: Buffer) => {
        received += bytes.toString("hex");
      });
      for (let sent = 0; sent < total && !socket.destroyed; sent += chunk.length) {
        if (sent % frameSize === 0) {
          // Masked with zeros, so that the payload goes out as it is.
          const header = Buffer.from([sent === 0 ? firstByte : 0x00, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
          header.writeUInt32BE(frameSize, 6);
          socket.write(header);
        }
        await new Promise((resolve) => socket.write(chunk, resolve));
        await new Promise(setImmediate);
      }
      // A close frame of two bytes: 1009.
      await vi.waitFor(() => expect(received).toBe("880203f1"));
    });
  });

  test("WebSocket, one byte too many is refused and the largest is not; a client is told by either transport", async () => {
    const { url, http } = await start();
    const socket = await connectWs(url);
    const body = rpc("chain_info").padEnd(MESSAGE_SIZE_MAX);
    socket.send(body);
    expect(JSON.parse(await nextMessage(socket))).toHaveProperty("result");
    socket.send(`${body} `);
    expect(await closeOf(socket)).toMatchObject({ code: 1009 });
    const api = client(url);
    const transaction = `0x${"0".repeat(MESSAGE_SIZE_MAX)}` as const;
    await expect(api.call("tx_submit", { transaction })).rejects.toThrow(failing("payload_too_large"));
    const enormous = `0x${"0".repeat(total)}` as const;
    for (const address of [url, http]) {
      const submitted = client(address).call("tx_submit", { transaction: enormous });
      await expect(submitted).rejects.toThrow(failing("payload_too_large"));
    }
  });
});

describe("a client that does not read", () => {
  test("its requests are held back, not its answers piled up, and none is lost when it reads again", async () => {
    const { url, node } = await start();
    const socket = await connectWs(url);
    const request = rpc("contract_code", { codeHash: `0x${"ff".repeat(32)}` });
    socket.pause();
    const count = 60;
    for (let i = 0; i < count; i++) socket.send(request);
    await settled(() => node.codeReads);
    // Two megabytes each: what the kernel's buffers take, and one or two more.
    expect(node.codeReads).toBeLessThan(count / 2);
    let answers = 0;
    const all = new Promise<void>((resolve) => {
      socket.on("message", (data: Buffer) => {
        expect(data.length).toBeGreaterThan(2 * node.bigCode.length);
        if (++answers === count) resolve();
      });
    });
    socket.resume();
    await all;
    expect(node.codeReads).toBe(count);
  });

  test("is dropped when it still takes nothing after two heartbeats, and its answers with it", async () => {
    const { url, node, logs } = await start({ limits: { heartbeatMs: 100 } });
    const socket = await connectWs(url);
    socket.pause();
    for (let i = 0; i < 20; i++) socket.send(rpc("contract_code", { codeHash: `0x${"ff".repeat(32)}` }));
    await vi.waitFor(() => expect(logs).toEqual([expect.stringContaining("ping")]));
    const reads = node.codeReads;
    expect(reads).toBeLessThan(20);
    const closed = closeOf(socket);
    socket.resume();
    expect(await closed).toMatchObject({ code: 1006 });
    expect(node.codeReads).toBe(reads);
  });

  test("of heads is dropped with 1013, having seen no gap, and others see every head", async () => {
    const { url, node, logs } = await start({ limits: { closeTimeoutMs: 5_000, unsentHeadBytesMax: 1024 * 1024 } });
    const api = client(url);
    let seen = 0;
    await api.subscribeHeads(({ sequence }) => expect(sequence).toBe(seen++));
    const socket = await connectWs(url);
    for (let i = 0; i < 32; i++) {
      socket.send(rpc("chain_subscribe", { topic: "heads" }));
      await nextMessage(socket);
    }
    const sequences = new Map<string, number>();
    socket.on("message", (data: RawData) => {
      const { subscription, sequence } = JSON.parse(data.toString()).params;
      expect(sequence).toBe(sequences.get(subscription) ?? 0);
      sequences.set(subscription, sequence + 1);
    });
    socket.pause();
    const transactions = Array(100).fill(decodeTransaction(transaction(call)));
    let heads = 0;
    while (logs.length === 0 && heads < 2000) {
      node.seal(transactions);
      if (++heads % 10 === 0) await new Promise(setImmediate);
    }
    expect(logs).toEqual([expect.stringContaining("unread")]);
    const closed = closeOf(socket);
    socket.resume();
    expect(await closed).toEqual({ code: 1013, reason: expect.stringContaining("too slow") });
    expect(sequences.size).toBe(32);
    await vi.waitFor(() => expect(seen).toBe(heads));
  });

  test("and never reads again is cut off, so that what it left unread is freed", async () => {
    const { url, node, logs, port } = await start({ limits: { closeTimeoutMs: 100, unsentHeadBytesMax: 1024 * 1024 } });
    const socket = await connectWs(url);
    socket.send(rpc("chain_subscribe", { topic: "heads" }));
    await nextMessage(socket);
    socket.pause();
    const head = node.seal(Array(1000).fill(decodeTransaction(transaction(call))));
    while (logs.length === 0) {
      node.announce(head);
      await new Promise(setImmediate);
    }
    const closed = closeOf(socket);
    await new Promise((resolve) => setTimeout(resolve, 200));
    socket.resume();
    // The socket was destroyed behind its back: the goodbye never came.
    expect(await closed).toMatchObject({ code: 1006 });
    expect((await http(port, { method: "GET", path: "/health" })).status).toBe(200);
  });
});

/** Waits until a number stops changing. */
async function settled(read: () => number): Promise<void> {
  for (let last = -1; last !== read(); ) {
    last = read();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe("one client does not take what is everybody's", () => {
  const view = rpc("contract_view", { contract: addressToText(contract), method: "get" });

  test("calls in flight on a connection are bounded, and the rest stay with the client until it is their turn", async () => {
    const { url, node, logs } = await start({ limits: { inFlightMax: 4, heartbeatMs: 20 } });
    const releases: (() => void)[] = [];
    let running = 0;
    let peak = 0;
    node.onView = async () => {
      peak = Math.max(peak, ++running);
      await new Promise<void>((resolve) => releases.push(resolve));
      running--;
    };
    const socket = await connectWs(url);
    let answers = 0;
    socket.on("message", () => answers++);
    // 60 MB, so that most of them fit in no buffer between the two.
    const [large, count] = [view.padEnd(1024 * 1024), 60];
    for (let i = 0; i < count; i++) socket.send(large);
    await settled(() => socket.bufferedAmount);
    expect(socket.bufferedAmount).toBeGreaterThan((count / 2) * large.length);
    // Small ones come many in one read.
    for (let i = 0; i < 10 * count; i++) socket.send(view);
    while (answers < 11 * count) {
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
      for (const release of releases.splice(0)) release();
    }
    expect(peak).toBe(4);
    expect(logs).toEqual([]);
  });

  test("calls start in the order of their messages", async () => {
    const { url, node } = await start();
    const order: number[] = [];
    node.view = async ({ gasLimit = 0 }) => {
      order.push(gasLimit);
      await new Promise((resolve) => setTimeout(resolve, (gasLimit * 7) % 5));
      return { outcome: { kind: "success", data: noHash }, gasUsed: 0, height: 0, logs: [] };
    };
    const api = client(url);
    const indices = Array.from({ length: 200 }, (_, index) => index);
    const name = addressToText(contract);
    await Promise.all(
      indices.map((gasLimit) => api.call("contract_view", { contract: name, method: "get", gasLimit })),
    );
    expect(order).toEqual(indices);
  });

  test("subscriptions on a connection are bounded, and one that ends makes room", async () => {
    const { url } = await start({ limits: { subscriptionsMax: 2 } });
    const api = client(url);
    const first = await api.subscribeHeads(() => {});
    await api.subscribeHeads(() => {});
    await expect(api.subscribeHeads(() => {})).rejects.toThrow(failing("too_many_subscriptions"));
    await first.unsubscribe();
    await api.subscribeHeads(() => {});
    expect(await api.call("chain_unsubscribe", { subscription: "no such" })).toBe(false);
  });

  test("connections are bounded: one too many is told so, and one that ends makes room", async () => {
    const { url, port } = await start({ limits: { connectionsMax: 2 } });
    const sockets = [await connectWs(url), await connectWs(url)];
    const answer = await http(port, { body: rpc("chain_info") });
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.text).error.data.code).toBe("too_many_connections");
    await expect(client(url).call("chain_info", {})).rejects.toThrow(failing("too_many_connections"));
    sockets[0]!.close();
    await closeOf(sockets[0]!);
    await vi.waitFor(() => connectWs(url));
  });

  test("a call abandoned by its client harms nobody", async () => {
    const { port, node, faults } = await start();
    let release = () => {};
    node.onView = () => new Promise<void>((resolve) => (release = resolve));
    const viewing = new Promise<void>((resolve) => {
      const { onView } = node;
      node.onView = () => {
        resolve();
        return onView();
      };
    });
    const socket = connect(port, "127.0.0.1");
    socket.write(
      `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${view.length}\r\n\r\n${view}`,
    );
    await viewing;
    socket.resetAndDestroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
    release();
    // Half a body, then gone.
    const half = connect(port, "127.0.0.1");
    half.write(`POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    half.resetAndDestroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await http(port, { method: "GET", path: "/health" })).status).toBe(200);
    expect(faults).toEqual([]);
  });

  test("a WebSocket client that answers no ping is dropped, and one that does is not", async () => {
    const { url, port, logs } = await start({ limits: { heartbeatMs: 50 } });
    const alive = await connectWs(url);
    const dead = await handshake(port);
    dead.resume();
    await new Promise((resolve) => dead.once("close", resolve));
    expect(logs).toEqual([expect.stringContaining("ping")]);
    alive.send(rpc("chain_info"));
    expect(JSON.parse(await nextMessage(alive))).toHaveProperty("result");
  });

  test.each([
    ["headers", "POST / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "],
    ["a body", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"],
    [
      "a body that was refused",
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5000000\r\n\r\n{",
    ],
  ])("who sends %s a byte at a time is cut off", async (_, start_) => {
    const { port } = await start({ limits: { headersTimeoutMs: 200, requestTimeoutMs: 300 } });
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.resume();
    socket.write(start_);
    const timer = setInterval(() => socket.write("x"), 20);
    await new Promise((resolve) => socket.once("close", resolve));
    clearInterval(timer);
  });
});

describe("subscriptions", () => {
  test("follow their answer and carry every head from then on, in order", async () => {
    const { url, node } = await start();
    const socket = await connectWs(url);
    const messages: { id?: number; result?: unknown; params?: SubscriptionEvent }[] = [];
    socket.on("message", (data: RawData) => messages.push(JSON.parse(data.toString())));
    // A head inside the very turn that answers must not come first.
    const { head } = node;
    node.head = () => {
      node.head = head;
      void Promise.resolve().then(() => node.seal([]));
      return node.head();
    };
    socket.send(`[${rpc("chain_subscribe", { topic: "heads" }, 1)},${rpc("chain_info", {}, 2)}]`);
    await vi.waitFor(() => expect(messages).toHaveLength(1));
    for (let i = 0; i < 3; i++) node.seal([]);
    await vi.waitFor(() => expect(messages).toHaveLength(4));
    expect(messages[0]).toMatchObject([{ id: 1, result: { subscription: "1" } }, { id: 2 }]);
    expect(
      messages.slice(1).map(({ params }) => [params!.subscription, params!.sequence, params!.head.height]),
    ).toEqual([
      ["1", 0, 2],
      ["1", 1, 3],
      ["1", 2, 4],
    ]);
  });

  test("end when they are ended, and are nobody else's to end", async () => {
    const { url, node } = await start();
    const [mine, other] = [client(url), client(url)];
    const heights: number[] = [];
    const subscription = await mine.subscribeHeads(({ head }) => heights.push(head.height));
    node.seal([]);
    await vi.waitFor(() => expect(heights).toEqual([1]));
    expect(await other.call("chain_unsubscribe", { subscription: "1" })).toBe(false);
    node.seal([]);
    await vi.waitFor(() => expect(heights).toEqual([1, 2]));
    await subscription.unsubscribe();
    node.seal([]);
    await mine.call("chain_info", {});
    expect(heights).toEqual([1, 2]);
  });

  test("need a WebSocket", async () => {
    const { http: url, port } = await start();
    await expect(client(url).subscribeHeads(() => {})).rejects.toThrow(failing("websocket_only"));
    for (const [method, params] of [
      ["chain_subscribe", { topic: "heads" }],
      ["chain_unsubscribe", { subscription: "1" }],
    ] as const) {
      const answer = JSON.parse((await http(port, { body: rpc(method, params) })).text);
      expect(answer.error).toMatchObject({ code: -32000, data: { code: "websocket_only" } });
    }
  });

  test("a head that cannot be shown is a fault, not a crash of whoever made it", async () => {
    const { url, node, faults } = await start();
    await client(url).subscribeHeads(() => {});
    node.announce({ ...node.head(), header: { ...node.head().header, stateRoot: undefined as never } });
    expect(faults).toHaveLength(1);
  });
});

describe("starting and stopping", () => {
  test("port 0 is a free port, and a port in use is refused by name", async () => {
    const { port, url } = await start();
    expect(port).toBeGreaterThan(0);
    expect(url).toBe(`ws://127.0.0.1:${port}`);
    await expect(start({ port })).rejects.toMatchObject({
      code: "port_in_use",
      hint: expect.stringContaining("--port"),
      details: { host: "127.0.0.1", port },
    });
    await expect(start({ host: "192.0.2.1" })).rejects.toThrow(failing("host_unavailable"));
    await expect(start({ host: "no-such-host.invalid" })).rejects.toThrow(failing("host_unavailable"));
  });

  test("closing lets calls in flight finish, says goodbye, and refuses newcomers", async () => {
    const server = await start();
    const { node, url } = server;
    const releases: (() => void)[] = [];
    node.onView = () => new Promise<void>((resolve) => releases.push(resolve));
    const params = { contract: addressToText(contract), method: "get" };
    const views = [url, server.http].map((url) => client(url).call("contract_view", params));
    const socket = await connectWs(url);
    const closed = closeOf(socket);
    await vi.waitFor(() => expect(releases).toHaveLength(2));
    const closing = server.close();
    expect(server.close()).toBe(closing);
    await expect(client(url).call("chain_info", {})).rejects.toThrow(failing("node_unreachable"));
    for (const release of releases) release();
    expect(await Promise.all(views)).toMatchObject([{ returnData: "0x01" }, { returnData: "0x01" }]);
    expect(await closed).toEqual({ code: 1001, reason: "the node is stopping" });
    await closing;
  });

  test("closing is quick and leaves nothing open, whatever the clients do", async () => {
    const sockets = () => process.getActiveResourcesInfo().filter((name) => /TCP|Server/.test(name)).length;
    await vi.waitFor(() => expect(sockets()).toBe(0));
    const server = await start({ limits: { closeGraceMs: 100, closeTimeoutMs: 200 } });
    const { node, url, port, faults } = server;
    node.onView = () => new Promise(() => {});
    const api = client(url);
    const view = api.call("contract_view", { contract: addressToText(contract), method: "get" });
    const ended: InputError[] = [];
    await api.subscribeHeads(
      () => {},
      (error) => ended.push(error),
    );
    const stuck = await connectWs(url);
    stuck.pause();
    const idle = connect(port, "127.0.0.1");
    const half = connect(port, "127.0.0.1");
    half.write("POST / HTTP/1.1\r\nHost: localhost\r\n");
    await new Promise((resolve) => setTimeout(resolve, 50));
    const before = Date.now();
    const lost = expect(view).rejects.toMatchObject({ code: "connection_lost", details: { closeCode: 1001 } });
    await server.close();
    expect(Date.now() - before).toBeLessThan(2_000);
    await lost;
    expect(ended).toMatchObject([{ code: "connection_lost" }]);
    for (const socket of [idle, half]) socket.destroy();
    stuck.terminate();
    await vi.waitFor(() => expect(sockets()).toBe(0));
    expect(faults).toEqual([]);
  });
});
