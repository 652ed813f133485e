/**
 * The chain as a command sees it: one connection, the node's answer to `chain_info`, and the ABIs of its contracts.
 *
 * Whatever the node refuses, and a node that does not answer, ends the command with the exit code `node`; a dump that it
 * refuses, with `file`.
 */
import type { RpcMethod, RpcMethods } from "../node/rpc/api.ts";
import {
  type Client,
  type ClientOptions,
  createClient,
  type EventOfTopic,
  type Subscription,
  type Topic,
} from "../node/rpc/client.ts";
import { fromHex } from "../node/rpc/json.ts";
import { type Abi, decodeAbi } from "../vm/abi.ts";
import type { InputError } from "../vm/errors.ts";
import { CommandError, during, exitCodes } from "./exit-codes.ts";

export class Chain {
  readonly #client: Client;
  readonly info: RpcMethods["chain_info"]["result"];
  readonly #abis = new Map<string, Promise<Abi | null>>();

  constructor(client: Client, info: RpcMethods["chain_info"]["result"]) {
    this.#client = client;
    this.info = info;
  }

  call<M extends RpcMethod>(method: M, params: RpcMethods[M]["params"]): Promise<RpcMethods[M]["result"]> {
    return during(refusalExitCode, () => this.#client.call(method, params));
  }

  /** As the client's, and fails as `call` does. */
  subscribe<T extends Topic>(
    params: RpcMethods["chain_subscribe"]["params"] & { readonly topic: T },
    listener: (event: EventOfTopic<T>) => void,
    onEnd: (error: InputError) => void,
  ): Promise<Subscription> {
    return during(exitCodes.node, () => this.#client.subscribe(params, listener, onEnd));
  }

  /** `null` when the contract's code carries no ABI. Asks once for each contract. */
  abiOf(contract: string): Promise<Abi | null> {
    let abi = this.#abis.get(contract);
    if (abi === undefined) {
      abi = this.#fetchAbi(contract);
      this.#abis.set(contract, abi);
    }
    return abi;
  }

  /** As `abiOf`, and `null` for an address that is no contract. */
  async abiIfAny(address: string): Promise<Abi | null> {
    try {
      return await this.abiOf(address);
    } catch (error) {
      if (error instanceof CommandError && error.code === "not_a_contract") return null;
      throw error;
    }
  }

  async #fetchAbi(contract: string): Promise<Abi | null> {
    const { abi } = await this.call("contract_abi", { contract });
    return abi === null ? null : during(exitCodes.file, () => decodeAbi(fromHex(abi)));
  }
}

/** A dump that the node refuses came out of a file. */
function refusalExitCode({ code }: InputError) {
  return /^dump_(invalid|version)$/.test(code) ? exitCodes.file : exitCodes.node;
}

/** Connects, runs `work`, and disconnects whatever happens. Throws `InputError` `url_invalid` as a usage error. */
export async function withChain<T>(
  url: string,
  work: (chain: Chain) => Promise<T>,
  access: Pick<ClientOptions, "token"> = {},
): Promise<T> {
  const client = createClient(url, access);
  try {
    const info = await during(exitCodes.node, () => client.call("chain_info", {}));
    return await work(new Chain(client, info));
  } finally {
    await client.close();
  }
}
