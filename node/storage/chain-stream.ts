/**
 * The records of a chain on their way from a folder to a file or back, in order, each checked against those before it: genesis,
 * blocks with their receipts, then the leaves of the head's tree in the order of their paths.
 *
 * Law: what passed whole is a chain whose hashes hold together, up to the state root of its last block, and the operations it
 * gave make its folder. One block, one path of the tree and nothing more is in memory.
 */
import { equalBytes } from "../../vm/borsh.ts";
import { InputError } from "../../vm/errors.ts";
import { type Block, blockHash, decodeBlock, decodeReceipt, type Header, type Receipt } from "../block.ts";
import { checkGenesis, decodeGenesis, type Genesis } from "../genesis.ts";
import { createLeaf, TreeBuilder } from "../state/tree-stream.ts";
import { blockFault, genesisFault, receiptsFault } from "./block-links.ts";
import type { DumpRecord } from "./dump-file.ts";
import { keys, type Operation, put, recordOperations } from "./layout.ts";

export interface StreamedChain {
  readonly chainId: string;
  readonly height: number;
  readonly headHash: Uint8Array;
  readonly stateRoot: Uint8Array;
  readonly transactionCount: number;
  readonly entryCount: number;
}

export class ChainStream {
  readonly #refuse: (problem: string) => InputError;
  readonly #onOperation: (operation: Operation) => void;
  #genesis: Genesis | undefined;
  #head: Header | undefined;
  /** The last block, until all its receipts are there. */
  #block: Block | undefined;
  #receipts: Receipt[] = [];
  #tree: TreeBuilder | undefined;
  #transactionCount = 0;
  #entryCount = 0;

  /** `refuse` makes an error of what is wrong; `onOperation` hears what makes a folder of the chain. */
  constructor(refuse: (problem: string) => InputError, onOperation: (operation: Operation) => void = () => {}) {
    this.#refuse = refuse;
    this.#onOperation = onOperation;
  }

  get genesis(): Genesis {
    if (this.#genesis === undefined) throw this.#refuse("it does not begin with a genesis");
    return this.#genesis;
  }

  take(record: DumpRecord): void {
    if (record.kind === "genesis") this.#takeGenesis(record.genesis);
    else if (record.kind === "block") this.#takeBlock(this.#decoded("block", () => decodeBlock(record.block)));
    else if (record.kind === "receipt")
      this.#takeReceipt(this.#decoded("receipt", () => decodeReceipt(record.receipt)));
    else this.#takeEntry(record.key, record.value);
  }

  #takeGenesis(encoded: Uint8Array): void {
    if (this.#genesis !== undefined) throw this.#refuse("it has two geneses");
    this.#genesis = this.#decoded("genesis", () => decodeGenesis(encoded));
    checkGenesis(this.#genesis);
  }

  #takeBlock(block: Block): void {
    const { genesis } = this;
    if (this.#tree !== undefined) throw this.#refuse("a block comes behind the state");
    if (this.#block !== undefined) throw this.#refuse(`receipts of block ${this.#block.header.height} are missing`);
    const parent = this.#head;
    const fault = parent === undefined ? genesisFault(block, genesis) : blockFault(parent, block);
    if (fault !== null) throw this.#refuse(`the block behind height ${parent?.height ?? "none"} ${fault}`);
    this.#block = block;
    this.#receipts = [];
    this.#finishBlock();
  }

  #takeReceipt(receipt: Receipt): void {
    if (this.#block === undefined) throw this.#refuse("a receipt belongs to no transaction");
    this.#receipts.push(receipt);
    this.#finishBlock();
  }

  #finishBlock(): void {
    const block = this.#block!;
    if (this.#receipts.length < block.transactions.length) return;
    const fault = receiptsFault(block, this.#receipts);
    if (fault !== null) throw this.#refuse(`block ${block.header.height} ${fault}`);
    for (const operation of recordOperations(block, this.#receipts)) this.#onOperation(operation);
    this.#transactionCount += block.transactions.length;
    this.#head = block.header;
    this.#block = undefined;
  }

  #takeEntry(key: Uint8Array, value: Uint8Array): void {
    const tree = this.#beginState();
    const leaf = createLeaf(key, value);
    if (!tree.isNext(leaf)) throw this.#refuse("the state is not in the order of its paths");
    tree.add(leaf);
    this.#onOperation(put(keys.flat(key), value));
    this.#entryCount++;
  }

  #beginState(): TreeBuilder {
    const [head, unfinished] = [this.#head, this.#block];
    if (head === undefined) throw this.#refuse("it has no block");
    if (unfinished !== undefined) throw this.#refuse(`receipts of block ${unfinished.header.height} are missing`);
    this.#tree ??= new TreeBuilder(head.height, ({ key, bytes }) => this.#onOperation(put(keys.node(key), bytes)));
    return this.#tree;
  }

  /** Behind the last record. */
  end(): StreamedChain {
    const root = this.#beginState().finish();
    const { height, stateRoot } = this.#head!;
    if (!equalBytes(root, stateRoot)) throw this.#refuse("its state has another root than its last block says");
    const headHash = blockHash(this.#head!);
    const [transactionCount, entryCount] = [this.#transactionCount, this.#entryCount];
    return { chainId: this.genesis.chainId, height, headHash, stateRoot, transactionCount, entryCount };
  }

  #decoded<T>(what: string, decode: () => T): T {
    try {
      return decode();
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      throw this.#refuse(`a ${what} cannot be read: ${error.message}`);
    }
  }
}
