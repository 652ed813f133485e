/**
 * The node that a fork reads from, as bytes: a connection that is made at the first call and again when it was lost.
 *
 * Law: a call ends in bounded time, with an answer of the right shape or an `InputError` `fork_*` that names the node and says
 * what to do. That an answer is true is not this file's to say.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { InputError } from "../../vm/errors.ts";
import { CLAIM_ANSWER_SIZE_MAX, type ClaimedBlock } from "../claimed-block.ts";
import { nodeStopping } from "../node-stopping.ts";
import { TREE_READ_SIZE_MAX } from "../rpc/api/state.ts";
import type { RpcMethod, RpcMethods } from "../rpc/api.ts";
import { type Client, createClient, RpcError } from "../rpc/client.ts";
import { fromHex } from "../rpc/json.ts";
import { rpcCodes } from "../rpc/json-rpc.ts";
import type { Place, WitnessedNode } from "../state/witnessed-node.ts";
import { withoutUser } from "../without-user.ts";

/** Who waits for an answer is often a block in the making. */
const TIMEOUT_MS = 10_000;
/** Before a call whose connection was lost is made anew; after the last it is given up. */
const PAUSES_MS = [20, 500];
/** Bytes of an answer with nodes: in hexadecimal, and one more than a node reads for it. */
export const NODES_ANSWER_SIZE_MAX = 4 * TREE_READ_SIZE_MAX;

/** What a stranger says in an error is repeated up to here. */
const QUOTED_LENGTH_MAX = 200;

export interface RemoteInfo {
  readonly genesisHash: Uint8Array;
  readonly height: number;
  readonly headHash: Uint8Array;
  readonly protocolVersion: number;
}

export interface RemoteNodes {
  /** Borsh of the header whose state they are of. */
  readonly header: Uint8Array;
  /** At most one for each place, in order. */
  readonly nodes: readonly (WitnessedNode | null)[];
}

/** Of which only nodes are asked. Undefined where there is no address. Throws `InputError` `fork_url_invalid`. */
export function remoteAt(url: string | undefined): RemoteNode | undefined {
  return url === undefined ? undefined : new RemoteNode(url, NODES_ANSWER_SIZE_MAX);
}

export class RemoteNode {
  /** The address without user and password. */
  readonly name: string;
  readonly #url: string;
  readonly #answerSizeMax: number;
  #client: Client | undefined;
  /** Who refuses a connection answers in place of a method; that one is worth another try. */
  #hasAnswered = false;
  #isClosed = false;

  /** Throws `InputError` `fork_url_invalid`. */
  constructor(url: string, answerSizeMax = CLAIM_ANSWER_SIZE_MAX) {
    checkForkUrl(url);
    this.#url = url;
    this.#answerSizeMax = answerSizeMax;
    this.name = withoutUser(url);
  }

  info(): Promise<RemoteInfo> {
    return this.#ask("chain_info", {}, ({ genesisHash, height, headHash, protocolVersion }) => ({
      genesisHash: fromHex(genesisHash),
      height: integerOf(height),
      headHash: fromHex(headHash),
      protocolVersion: integerOf(protocolVersion),
    }));
  }

  /** Borsh. */
  genesis(): Promise<Uint8Array> {
    return this.#ask("chain_genesis", {}, ({ genesis }) => fromHex(genesis));
  }

  rawBlock(height: number): Promise<ClaimedBlock | null> {
    return this.#ask("chain_rawBlock", { height }, (raw) =>
      raw === null ? null : { block: fromHex(raw.block), receipts: raw.receipts.map(fromHex) },
    );
  }

  nodes(height: number, places: readonly Place[]): Promise<RemoteNodes> {
    return this.#ask("state_nodes", { height, places }, ({ header, nodes }) => {
      if (nodes.length > places.length) throw new TypeError(`${nodes.length} nodes for ${places.length} places`);
      return {
        header: fromHex(header),
        nodes: nodes.map((node) =>
          node === null ? null : { record: fromHex(node.record), children: fromHex(node.children) },
        ),
      };
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#client?.close();
  }

  /** `read` gets what may be anything at all, and may stumble over it. */
  async #ask<M extends RpcMethod, T>(
    method: M,
    params: RpcMethods[M]["params"],
    read: (answer: RpcMethods[M]["result"]) => T,
  ): Promise<T> {
    const answer = await this.#call(method, params);
    try {
      return read(answer);
    } catch (error) {
      if (error instanceof TypeError || error instanceof InputError) {
        throw this.#noNode(`its answer to ${method} is none: ${error.message}`);
      }
      throw error;
    }
  }

  async #call<M extends RpcMethod>(method: M, params: RpcMethods[M]["params"]): Promise<RpcMethods[M]["result"]> {
    for (let attempt = 0; ; attempt++) {
      if (this.#isClosed) throw nodeStopping();
      this.#client ??= createClient(this.#url, { timeoutMs: TIMEOUT_MS, answerSizeMax: this.#answerSizeMax });
      const client = this.#client;
      try {
        const answer = await client.call(method, params);
        this.#hasAnswered = true;
        return answer;
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        if (!(error instanceof RpcError && this.#hasAnswered)) await this.#drop(client);
        const pause = PAUSES_MS[attempt];
        // `client_closed`: another call lost the connection.
        const isLost = error.code === "connection_lost" || error.code === "client_closed";
        if (!isLost || pause === undefined) throw this.#failure(error);
        await sleep(pause);
      }
    }
  }

  async #drop(client: Client): Promise<void> {
    if (this.#client === client) {
      this.#client = undefined;
      this.#hasAnswered = false;
    }
    await client.close();
  }

  #failure(error: InputError): InputError {
    if (this.#isClosed) return nodeStopping();
    if (error instanceof RpcError) return this.#refusal(error);
    const details = { url: this.name };
    switch (error.code) {
      case "node_unreachable":
        // What Node's parser says of a peer that speaks something else.
        if (error.message.includes("HPE_")) return this.#noNode("it does not speak HTTP");
        return new InputError("fork_unreachable", `the forked node at ${this.name} is gone`, {
          hint: "What was read before still works. Start the node again, at the same address, to read the rest.",
          details,
        });
      case "answer_invalid":
        return this.#noNode("its answer is not JSON-RPC");
      case "answer_too_large":
        return this.#noNode(`its answer has more than ${this.#answerSizeMax} bytes`);
      default:
        return new InputError("fork_interrupted", `the forked node at ${this.name} did not answer to the end`, {
          hint: "What was read before still works. Try again; see whether the node is alive and not too busy.",
          details: { ...details, cause: error.code },
        });
    }
  }

  #refusal(error: RpcError): InputError {
    const { rpcCode } = error;
    const code = error.code.slice(0, QUOTED_LENGTH_MAX);
    const message = error.message.slice(0, QUOTED_LENGTH_MAX);
    const details = { url: this.name };
    if (rpcCode === rpcCodes.methodUnknown) return this.#noNode("it does not know the method that forks read with");
    if (code === "height_pruned" || code === "height_before_base") {
      return new InputError(
        "fork_pruned",
        `the forked node at ${this.name} does not keep the state any more: ${message}`,
        {
          hint: "Fork at a height it keeps, or fork a node that prunes nothing.",
          details,
        },
      );
    }
    if (code === "height_unknown") {
      return new InputError("fork_height_unknown", `the node at ${this.name} has no such block: ${message}`, {
        hint: "Fork at a height up to its head. A fork that was made before: its node went back, or serves another chain.",
        details,
      });
    }
    return new InputError("fork_refused", `the forked node at ${this.name} refuses (${code}): ${message}`, {
      hint: "What was read before still works.",
      details: { ...details, cause: code },
    });
  }

  #noNode(problem: string): InputError {
    return new InputError("fork_not_a_node", `at ${this.name} there is no Lockstep node of this version: ${problem}`, {
      hint: "Give the address that `lockstep dev` prints, like ws://127.0.0.1:4600.",
      details: { url: this.name },
    });
  }
}

export function checkForkUrl(url: string): void {
  if (!URL.canParse(url)) throw forkUrlInvalid(url);
  const { protocol, hostname } = new URL(url);
  if (!/^(ws|http)s?:$/.test(protocol) || hostname === "") throw forkUrlInvalid(url);
}

export function forkUrlInvalid(url: string): InputError {
  return new InputError("fork_url_invalid", `${JSON.stringify(url)} is not the address of a node to fork`, {
    hint: "An address is written like ws://127.0.0.1:4600, or ws://127.0.0.1:4600@1200 for a height.",
  });
}

function integerOf(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new TypeError("not a whole number");
}
