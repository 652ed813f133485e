/** Damage: a record of a chain's folder that contradicts the others. It names the record, so that people can look at it. */
import { InputError } from "../../vm/errors.ts";
import { space } from "./layout.ts";

const spaceNames = new Map<number, string>([
  [space.meta, "meta"],
  [space.block, "block"],
  [space.blockHash, "block hash"],
  [space.transaction, "transaction"],
  [space.receipt, "receipt"],
  [space.eventContract, "event contract"],
  [space.eventName, "event name"],
  [space.eventBlock, "event block"],
  [space.node, "tree node"],
  [space.stale, "stale node"],
  [space.flat, "state"],
]);

/** What `decode` gives; its `InputError` becomes damage to the record of that key. */
export function readable<T>(key: Uint8Array, height: number | null, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw damaged(key, height, `cannot be read: ${error.message}`);
  }
}

/** `key` is the whole key of the record at fault, `problem` goes on from its name: "is missing". */
export function damaged(key: Uint8Array, height: number | null, problem: string): InputError {
  const name = spaceNames.get(key[0] ?? -1) ?? "foreign";
  const hex = `0x${Buffer.from(key).toString("hex")}`;
  const where = height === null ? "" : ` of height ${height}`;
  return new InputError("data_damaged", `the ${name} record ${hex}${where} ${problem}`, {
    hint: "Load the last good dump into a new folder, or replay the chain from a node that has it.",
    details: { space: name, key: hex, height, problem },
  });
}
