/**
 * The state of the block that a fork goes on from, brought from the forked node into the fork's own store when it is missed.
 *
 * Law: what is stored was verified: it is what the base's state root says, present or absent, whatever the node answers. A liar
 * can refuse the fork its state and do nothing else.
 */
import { equalBytes } from "../../vm/borsh.ts";
import { assert, InputError } from "../../vm/errors.ts";
import { blockHash, encodeHeader, type Header } from "../block.ts";
import type { Genesis } from "../genesis.ts";
import type { NodeReader, StoredNode } from "../state/tree.ts";
import { decodeNode, nibbleAt, nodeKey, type TreeNode, withNibble } from "../state/tree-node.ts";
import { type ExpectedNode, type Place, placeOf, verifyNode, type WitnessedNode } from "../state/witnessed-node.ts";
import { type Missing, StateMissing } from "../state-missing.ts";
import type { RemoteNodes } from "./remote-node.ts";

/** What a store is to a source. */
export interface BaseStore {
  readonly genesis: Genesis;
  header(height: number): Header;
  /** Throws `StateMissing` for a node of the base that is not here. */
  readonly nodes: NodeReader;
  putNodes(records: readonly StoredNode[]): Promise<void>;
  /** All nodes of the base are here, and these are its leaves. */
  setWhole(leaves: readonly BaseLeaf[]): Promise<void>;
}

export interface BaseLeaf {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** A part of a path this long is asked for at once: paths in trees of a billion keys are seldom longer. */
const PATH_STEP = 10;
/** Nodes that are asked for at once, as many as a node answers. */
const WALK_STEP = 64;
/** All of a state is held in memory while it is brought: so many leaves, and bytes of their keys and values. */
const LEAF_COUNT_MAX = 2_000_000;
const LEAVES_SIZE_MAX = 512 * 1024 * 1024;
const PATH_LENGTH_MAX = 64;

/** Who tells of the base's state, and need not be believed. */
export interface BaseTeller {
  /** An address or a folder, for people. */
  readonly name: string;
  /** Of the state of the block at `height`. */
  nodes(height: number, places: readonly Place[]): Promise<RemoteNodes>;
  close(): Promise<void>;
}

export interface SourceLimits {
  readonly leafCountMax: number;
  readonly leavesSizeMax: number;
}

/** A node as its parent has it, which is here already. */
interface Spot extends ExpectedNode {
  readonly version: number;
  readonly path: Uint8Array;
  readonly depth: number;
}

export class BaseSource {
  readonly #store: BaseStore;
  readonly #height: number;
  /** Borsh of the base's header. */
  readonly #header: Uint8Array;
  readonly #stateRoot: Uint8Array;
  readonly #remote: BaseTeller | undefined;
  readonly #limits: SourceLimits;
  /** By what is missing: who misses the same waits for the same. */
  readonly #running = new Map<string, Promise<void>>();

  /** Without a remote there is what the store has and no more. */
  constructor(
    store: BaseStore,
    remote: BaseTeller | undefined,
    limits: SourceLimits = { leafCountMax: LEAF_COUNT_MAX, leavesSizeMax: LEAVES_SIZE_MAX },
  ) {
    const { base } = store.genesis;
    assert(base !== null, "a fork has a base");
    const header = store.header(base.height);
    assert(equalBytes(blockHash(header), base.blockHash), "a fork's store holds its base's block");
    this.#store = store;
    this.#height = base.height;
    this.#header = encodeHeader(header);
    this.#stateRoot = header.stateRoot;
    this.#remote = remote;
    this.#limits = limits;
  }

  /**
   * Brings what is missing into the store. Throws `InputError` `fork_offline`, `fork_lied`, `fork_other_chain`, `fork_too_large`, and what
   * `RemoteNode` throws; what was verified until then is stored.
   */
  fetch(missing: Missing): Promise<void> {
    const name = missing.kind === "all" ? "all" : Buffer.from(missing.key).toString("hex");
    let running = this.#running.get(name);
    if (running === undefined) {
      const work = missing.kind === "all" ? this.#complete() : this.#fetchNode(missing.key, missing.path);
      running = work.finally(() => this.#running.delete(name));
      this.#running.set(name, running);
    }
    return running;
  }

  async close(): Promise<void> {
    await this.#remote?.close();
  }

  get #root(): Spot {
    return { hash: this.#stateRoot, version: this.#height, path: new Uint8Array(PATH_LENGTH_MAX / 2), depth: 0 };
  }

  /** The node under `key`, and what the answer has above and below it on `path`. */
  async #fetchNode(key: Uint8Array, path: Uint8Array): Promise<void> {
    const target = key[8]!;
    let spot = this.#root;
    for (;;) {
      const record = this.#stored(spot) ?? (await this.#fetchPath(spot, path));
      if (spot.depth === target) {
        // Where two answers gave one node two versions, it is stored under both.
        if (!equalBytes(keyOf(spot), key)) await this.#store.putNodes([{ key, bytes: record }]);
        return;
      }
      const next = childAt(decodeNode(record), spot, nibbleAt(path, spot.depth));
      assert(next !== undefined, "only what the base has can be missing");
      spot = { ...next, path };
    }
  }

  /** Asks for the node at `spot` and for those below it on `path`, and stores them. The record of the first. */
  async #fetchPath(spot: Spot, path: Uint8Array): Promise<Uint8Array> {
    const places: Place[] = [];
    for (let depth = spot.depth; depth < spot.depth + PATH_STEP && depth <= PATH_LENGTH_MAX; depth++) {
      places.push(placeOf(path, depth));
    }
    const answers = await this.#ask(places);
    const records: StoredNode[] = [];
    let next: Spot | undefined = spot;
    for (const [index, answer] of answers.entries()) {
      if (next === undefined) {
        if (answer === null) continue;
        throw this.#lie(places[index]!, "there is no node at this place");
      }
      const node = this.#verified(answer, next);
      records.push({ key: keyOf(next), bytes: answer!.record });
      const below: Spot | undefined =
        next.depth < PATH_LENGTH_MAX ? childAt(node, next, nibbleAt(path, next.depth)) : undefined;
      next = below && { ...below, path };
    }
    await this.#store.putNodes(records);
    return records[0]!.bytes;
  }

  async #complete(): Promise<void> {
    await this.#store.setWhole(await this.fetchNodes());
  }

  /**
   * Brings every node that is not here, depth first, so that few wait; the leaves of all. Throws as `fetch`. For whoever may not
   * complete the store, because somebody else makes blocks in it.
   */
  async fetchNodes(): Promise<readonly BaseLeaf[]> {
    const leaves: BaseLeaf[] = [];
    let size = 0;
    const waiting: Spot[] = [this.#root];
    const visit = (node: TreeNode, spot: Spot): void => {
      if (node.kind === "inner") {
        for (let nibble = 0; nibble < node.children.length; nibble++) {
          const child = childAt(node, spot, nibble);
          if (child !== undefined) waiting.push(child);
        }
      } else if (node.kind === "leaf") {
        leaves.push({ key: node.key, value: node.value });
        size += node.key.length + node.value.length;
        if (leaves.length > this.#limits.leafCountMax || size > this.#limits.leavesSizeMax) throw this.#tooLarge();
      }
    };
    while (waiting.length > 0) {
      const absent: Spot[] = [];
      while (waiting.length > 0 && absent.length < WALK_STEP) {
        const spot = waiting.pop()!;
        const record = this.#stored(spot);
        if (record === undefined) absent.push(spot);
        else visit(decodeNode(record), spot);
      }
      if (absent.length === 0) break;
      const answers = await this.#ask(absent.map(({ path, depth }) => placeOf(path, depth)));
      const records: StoredNode[] = [];
      for (const [index, spot] of absent.entries()) {
        const answer = answers[index];
        if (answer === undefined) {
          waiting.push(spot);
          continue;
        }
        visit(this.#verified(answer, spot), spot);
        records.push({ key: keyOf(spot), bytes: answer!.record });
      }
      await this.#store.putNodes(records);
    }
    return leaves;
  }

  #stored(spot: Spot): Uint8Array | undefined {
    try {
      return this.#store.nodes.getNode(keyOf(spot));
    } catch (error) {
      if (error instanceof StateMissing) return undefined;
      throw error;
    }
  }

  /** One answer at least. */
  async #ask(places: readonly Place[]): Promise<readonly (WitnessedNode | null)[]> {
    if (this.#remote === undefined) {
      throw new InputError("fork_offline", "this part of the forked chain's state was never read", {
        hint: "Start with the address of the forked node, `--fork URL`, to read it. What was read before works without.",
      });
    }
    const { header, nodes } = await this.#remote.nodes(this.#height, places);
    if (!equalBytes(header, this.#header)) throw this.#otherChain();
    if (nodes.length === 0) throw this.#lie(places[0]!, "it does not answer");
    return nodes;
  }

  #verified(answer: WitnessedNode | null, spot: Spot): TreeNode {
    const place = placeOf(spot.path, spot.depth);
    if (answer === null) throw this.#lie(place, "it says that no node is there");
    try {
      return verifyNode(answer, spot, place, this.#height);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      throw this.#lie(place, error.message);
    }
  }

  #lie(place: Place, problem: string): InputError {
    const at = `at place "${place}" of the state of block ${this.#height}`;
    return new InputError(
      "fork_lied",
      `the forked node at ${this.#remote?.name} does not tell the truth ${at}: ${problem}`,
      {
        hint: "Nothing of it was taken over. Fork a node that you trust, or find out who alters its answers.",
        details: { url: this.#remote?.name ?? null, height: this.#height, place, depth: place.length },
      },
    );
  }

  #otherChain(): InputError {
    const message = `the node at ${this.#remote?.name} has another block at height ${this.#height} than this fork goes on from`;
    return new InputError("fork_other_chain", message, {
      hint: "It was reset, or serves another chain. What was read before still works; fork anew for the rest.",
      details: { url: this.#remote?.name ?? null, height: this.#height },
    });
  }

  #tooLarge(): InputError {
    const { leafCountMax, leavesSizeMax } = this.#limits;
    const most = `${leafCountMax} entries or ${leavesSizeMax} bytes`;
    return new InputError("fork_too_large", `the forked state is more than a fork can hold at once: ${most}`, {
      hint: "Keys can be listed only with all of the state here. Read the keys you know one by one.",
    });
  }
}

function keyOf({ version, path, depth }: Spot): Uint8Array {
  return nodeKey(version, path, depth);
}

function childAt(node: TreeNode, { path, depth }: Spot, nibble: number): Spot | undefined {
  const child = node.kind === "inner" ? node.children[nibble] : undefined;
  if (child === undefined) return undefined;
  const { version, hash, isLeaf } = child;
  return { version, hash, isLeaf, path: withNibble(path, depth, nibble), depth: depth + 1 };
}
