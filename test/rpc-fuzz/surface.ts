/**
 * What the node says it can do: its methods and their parameters, from its own OpenRPC document, and for each parameter
 * values that mean something on the chain under test. What is generated starts from here and goes wrong in one place.
 */
import { addressToText, contractAddress } from "../../node/address.ts";
import { hash } from "../../node/crypto.ts";
import { toHex } from "../../node/rpc/json.ts";
import { accounts, deploy, dev0, dev1, transactionHex } from "../crash/dev-process.ts";
import type { Json, PlainClient } from "../node/plain-client.ts";
import { sampleContract } from "../support/sample-contracts.ts";
import { transfer } from "../support/signing.ts";

export interface SurfaceParam {
  readonly name: string;
  readonly isRequired: boolean;
  /** Of JSON Schema: "integer", "string"; none where anything may stand. */
  readonly types: readonly string[];
  /** JSON texts that the schema names, where it names any. */
  readonly named: readonly string[];
}

export interface SurfaceMethod {
  readonly name: string;
  readonly params: readonly SurfaceParam[];
}

export interface Surface {
  readonly methods: readonly SurfaceMethod[];
  /** JSON texts by the parameter's name. */
  readonly samples: Readonly<Record<string, readonly string[]>>;
  /** Signed transactions as hexadecimal text: good ones of several senders, and good but for one thing. */
  readonly transactions: readonly string[];
  readonly isDiscovered: boolean;
}

/** For a node without `rpc_discover`; a question mark stands behind what may be left out. */
const known: Readonly<Record<string, string>> = {
  chain_info: "",
  chain_genesis: "",
  chain_block: "height?:integer hash?:string",
  chain_rawBlock: "height:integer",
  tx_submit: "transaction:string",
  tx_submitAndWait: "transaction:string timeoutMs?:integer",
  tx_get: "hash:string",
  tx_receipt: "hash:string",
  tx_proof: "hash:string",
  tx_simulate: "transaction:string",
  state_account: "address:string",
  state_storage: "contract:string key:string",
  state_proof: "keys:array height?:integer",
  state_ics23Proof: "key:string height?:integer",
  contract_code: "codeHash:string",
  contract_abi: "contract:string",
  contract_view: "contract:string method:string args?:string caller?:string gasLimit?:integer",
  chain_subscribe: "topic:string",
  chain_unsubscribe: "subscription:string",
};

function readKnown(): SurfaceMethod[] {
  return Object.entries(known).map(([name, text]) => ({
    name,
    params: text
      .split(" ")
      .filter((part) => part !== "")
      .map((part) => {
        const [param, type] = part.split(":") as [string, string];
        const isRequired = !param.endsWith("?");
        return { name: param.replace("?", ""), isRequired, types: [type], named: [] };
      }),
  }));
}

function readDocument(document: Json): SurfaceMethod[] {
  const resolve = (schema: Json): Json =>
    typeof schema?.$ref === "string"
      ? resolve(
          schema.$ref
            .split("/")
            .slice(1)
            .reduce((at: Json, part: string) => at?.[part], document),
        )
      : (schema ?? {});
  /** Empty where one of several schemas has no type: then nothing is known to be wrong. */
  const typesOf = (schema: Json): readonly string[] => {
    const own = resolve(schema);
    const choices = own.oneOf ?? own.anyOf;
    if (choices !== undefined) {
      const types = choices.map(typesOf) as string[][];
      return types.some((list) => list.length === 0) ? [] : types.flat();
    }
    if (own.const !== undefined) return [typeof own.const];
    return own.type === undefined ? [] : [own.type].flat();
  };
  const namedIn = (schema: Json): readonly string[] => {
    const own = resolve(schema);
    const values = [...(own.enum ?? []), ...(own.const === undefined ? [] : [own.const]), ...(own.examples ?? [])];
    return [...values.map((value: Json) => JSON.stringify(value)), ...(own.oneOf ?? own.anyOf ?? []).flatMap(namedIn)];
  };
  return document.methods.map((method: Json) => ({
    name: method.name,
    params: method.params.map(resolve).map(({ name, required, schema }: Json) => ({
      name,
      isRequired: required === true,
      types: typesOf(schema),
      named: namedIn(schema),
    })),
  }));
}

/** Deploys a contract and makes some blocks, so that there is something to ask about. */
export async function readSurface(client: PlainClient): Promise<Surface> {
  const document = await client.call("rpc_discover").catch(() => undefined);
  const codeHash = hash("code", sampleContract);
  const contract = contractAddress({
    creator: dev0.address,
    origin: { kind: "nonce", nonce: 0, action: 1 },
    codeHash,
  });
  await client.call("tx_submitAndWait", { transaction: transactionHex(dev0, 0, deploy) });
  const call = (method: string, args: Uint8Array) => ({ kind: "call", contract, method, args, value: 0n }) as const;
  for (const [index, method] of ["set", "tell", "refuse"].entries()) {
    const transaction = transactionHex(dev0, index + 1, [call(method, Uint8Array.of(index))]);
    await client.call("tx_submitAndWait", { transaction });
  }
  const block = await client.call("chain_block", {});
  const json = JSON.stringify;
  const addresses = [dev0.address, dev1.address, contract, new Uint8Array(32)].map((bytes) =>
    json(addressToText(bytes)),
  );
  const hashes = [block.transactions[0], block.hash, `0x${"00".repeat(32)}`].map((text) => json(text));
  const keys = ["k", "a", "c", "s"].map((text) => json(toHex(new TextEncoder().encode(text))));
  const heights = ["0", "1", "4"];
  const transactions = [2, 3, 4, 5].flatMap((number) => {
    const sender = accounts[number]!;
    const pay = [transfer(dev1.address, BigInt(number))];
    return [
      ...[0, 1, 2, 3, 5].map((nonce) => transactionHex(sender, nonce, pay)),
      transactionHex(sender, 4, [call("set", new Uint8Array(number))]),
      transactionHex(sender, 0, [call("refuse", new Uint8Array(number))]),
      transactionHex(sender, 900, pay),
      transactionHex(sender, 0, pay, 1),
      transactionHex(sender, 0, [{ kind: "upload", code: new Uint8Array(300).fill(number) }]),
      transactionHex(
        sender,
        0,
        Array.from({ length: 16 }, () => pay[0]!),
      ),
    ];
  });
  return {
    isDiscovered: document !== undefined,
    methods: document === undefined ? readKnown() : readDocument(document),
    transactions: [...transactions, `0x${"ab".repeat(300_000)}`],
    samples: {
      address: addresses,
      caller: addresses,
      contract: [json(addressToText(contract)), ...addresses],
      sender: addresses,
      hash: hashes,
      codeHash: [json(toHex(codeHash)), hashes[2]!],
      height: heights,
      fromHeight: heights,
      toHeight: heights,
      key: keys,
      prefix: keys,
      keys: [`[${keys.join(",")}]`, `[${keys[0]}]`],
      args: ['"0x"', '"0x0102"'],
      // One method that takes all of the gas it is given would only slow the others down.
      method: ["get", "when", "set", "remove", "nothing"].map((text) => json(text)),
      gasLimit: ["100000", "2000000"],
      topic: ['"heads"', '"events"', '"pending"'],
      name: ['"E"', '"Transfer"'],
      subscription: ['"1"', '"2"', '"3"'],
      timeoutMs: ["1", "20"],
      limit: ["1", "10"],
      count: ["1", "2"],
      sealing: ['{"kind":"transaction"}'],
      mode: ['"transaction"'],
      kind: ['"transaction"'],
    },
  };
}
