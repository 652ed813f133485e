/**
 * The gas prices of the newest transactions, for `tx_fees`.
 *
 * A block is read once: its prices are remembered under its hash, from which the walk back through the parents finds them,
 * whatever branch the head is on. Blocks can be large, so others have their turn after each that is read.
 */
import { setImmediate } from "node:timers/promises";
import { FEE_BLOCKS_MAX, FEE_TRANSACTIONS_MAX } from "../api/transactions.ts";
import { toHex } from "../json.ts";
import type { NodeService } from "../service.ts";

interface BlockPrices {
  readonly parentHash: Uint8Array;
  /** Of its last transactions, in order. */
  readonly prices: readonly bigint[];
}

/** By block hash; only blocks that the last walk met. */
const knownBlocks = new WeakMap<NodeService, ReadonlyMap<string, BlockPrices>>();

/** In ascending order; of at most `FEE_TRANSACTIONS_MAX` transactions in the last `FEE_BLOCKS_MAX` blocks. */
export async function recentGasPrices(service: NodeService): Promise<readonly bigint[]> {
  const known = knownBlocks.get(service);
  const met = new Map<string, BlockPrices>();
  const prices: bigint[] = [];
  const head = service.head();
  let name = toHex(head.hash);
  let { height } = head.header;
  while (height >= 0 && met.size < FEE_BLOCKS_MAX && prices.length < FEE_TRANSACTIONS_MAX) {
    const block = known?.get(name) ?? (await readPrices(service, height, name));
    // The chain was taken back meanwhile: what is known so far is of its recent past all the same.
    if (block === undefined) break;
    met.set(name, block);
    prices.push(...block.prices.slice(prices.length - FEE_TRANSACTIONS_MAX));
    name = toHex(block.parentHash);
    height--;
  }
  knownBlocks.set(service, met);
  return prices.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

async function readPrices(service: NodeService, height: number, name: string): Promise<BlockPrices | undefined> {
  const record = service.block(height);
  if (record === undefined || toHex(record.hash) !== name) return undefined;
  const { header, block } = record;
  const prices = block.transactions.slice(-FEE_TRANSACTIONS_MAX).map(({ body }) => body.gasPrice);
  await setImmediate();
  return { parentHash: header.parentHash, prices };
}
