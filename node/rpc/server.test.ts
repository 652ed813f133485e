/**
 * The server over real sockets, in front of a node that keeps real blocks and runs nothing: every method over both
 * transports, bad messages, starting and stopping.
 */
import { connect } from "node:net";
import { ics23, verifyMembership, verifyNonMembership } from "@confio/ics23";
import { sha256 } from "@noble/hashes/sha2.js";
import { describe, expect, test, vi } from "vitest";
import {
  abiBytes,
  bareCode,
  call,
  code,
  codeHash,
  contract,
  noHash,
  sender,
  transaction,
  upload,
} from "../../test/support/fake-node.ts";
import {
  client,
  closeOf,
  connectWs,
  exchange,
  failing,
  rpc,
  start,
  transports,
} from "../../test/support/rpc-server.ts";
import { Fault, type InputError } from "../../vm/errors.ts";
import { addressToText } from "../address.ts";
import { decodeBlock, decodeHeader, decodeReceipt } from "../block.ts";
import { hash } from "../crypto.ts";
import { decodeGenesis } from "../genesis.ts";
import { silentLog } from "../log.ts";
import { verifyItem } from "../merkle.ts";
import { defaultParams, PROTOCOL_VERSION } from "../params.ts";
import { accountKey, emptyAccount, encodeAccount, storageKey } from "../state/account.ts";
import { jmtProofSpec } from "../state/ics23.ts";
import { verifyKeys } from "../state/verify.ts";
import {
  type Action,
  decodeTransaction,
  encodeTransaction,
  TRANSACTION_SIZE_MAX,
  transactionHash,
} from "../transaction.ts";
import { fromHex, toHex } from "./json.ts";
import type { CallFacts } from "./server.ts";

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
      protocolVersion: PROTOCOL_VERSION,
      blockGasLimit: defaultParams.blockGasLimit,
      gasPriceMin: "1",
      pending: 0,
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
      hint: "The parameters are contract, key, height (optional).",
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

describe("the owner is told of every call", () => {
  test.each([
    ["ws", "websocket"],
    ["http", "http"],
  ] as const)("over %s", async (transport, name) => {
    const calls: CallFacts[] = [];
    const debug = vi.fn();
    const { port, node } = await start({ onCall: (facts) => calls.push(facts), log: { ...silentLog, debug } });
    node.onView = () => {
      throw new Fault("secret");
    };
    const view = { contract: addressToText(contract), method: "get" };
    const batch = [rpc("chain_info"), rpc("no_such_method"), "1", rpc("tx_get", { hash: "0x" })];
    const texts = [rpc("chain_info"), "hello", rpc("contract_view", view), `[${batch.join(",")}]`];
    for (const text of texts) await exchange(transport, port, text);
    expect(calls.map(({ method, code }) => [method, code])).toEqual([
      ["chain_info", null],
      ["unknown", "parse_error"],
      ["contract_view", "internal_error"],
      ["chain_info", null],
      ["unknown", "method_unknown"],
      ["unknown", "invalid_request"],
      ["tx_get", "invalid_params"],
    ]);
    for (const { transport, durationMs } of calls) {
      expect(transport).toBe(name);
      expect(durationMs).toBeGreaterThanOrEqual(0);
    }
    expect(debug.mock.calls.map(([facts]) => facts)).toEqual(
      calls.map((facts) => ({
        ...facts,
        durationMs: Number(facts.durationMs.toFixed(3)),
        bytes: expect.any(Number),
      })),
    );
  });

  test("and can count connections and subscriptions", async () => {
    const { server, url } = await start();
    expect([server.connectionCount, server.subscriptionCount]).toEqual([0, 0]);
    const api = client(url);
    await api.subscribe({ topic: "heads" }, () => {});
    await api.subscribe({ topic: "pending" }, () => {});
    expect([server.connectionCount, server.subscriptionCount]).toEqual([1, 2]);
    await api.close();
    await vi.waitFor(() => expect([server.connectionCount, server.subscriptionCount]).toEqual([0, 0]));
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
    await api.subscribe(
      { topic: "heads" },
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
