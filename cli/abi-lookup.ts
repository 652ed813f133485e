/**
 * The ABIs of a running chain's contracts, read from their code and kept by its hash: a contract that takes other code has
 * another ABI at once. A module whose ABI is missing or broken has none here, nor has one whose ABI was made to be costly: it
 * would be used for every event, while the chain waits.
 */
import { hash } from "../node/crypto.ts";
import { toHex } from "../node/rpc/json.ts";
import { ABI_SECTION, type Abi, type AbiType, decodeAbi } from "../vm/abi.ts";
import { readCustomSection } from "../vm/custom-section.ts";
import { InputError } from "../vm/errors.ts";

export type AbiOf = (contract: Uint8Array) => Abi | null;

/** Codes whose ABI is kept. */
const ABI_COUNT_MAX = 64;
/** Bytes of an ABI; one with 16 methods has about 1000. */
const ABI_SIZE_MAX = 64 * 1024;
/** Types nest in each other at most this deep: each byte of a value may be as many objects. Named types count. */
const NESTING_MAX = 8;

/** `codeOf` gives a contract's module; undefined for an address that is none. */
export function createAbiLookup(codeOf: (contract: Uint8Array) => Uint8Array | undefined): AbiOf {
  const abis = new Map<string, Abi | null>();
  return (contract) => {
    const code = codeOf(contract);
    if (code === undefined) return null;
    const codeHash = toHex(hash("code", code));
    const known = abis.get(codeHash);
    if (known !== undefined) return known;
    const abi = readAbi(code);
    const [oldest] = abis.keys();
    if (abis.size >= ABI_COUNT_MAX) abis.delete(oldest!);
    abis.set(codeHash, abi);
    return abi;
  };
}

/** Asks `abiOf` once for each contract: for the time in which no contract changes, such as behind a block. */
export function memoised(abiOf: AbiOf): AbiOf {
  const abis = new Map<string, Abi | null>();
  return (contract) => {
    const key = toHex(contract);
    let abi = abis.get(key);
    if (abi === undefined) {
      abi = abiOf(contract);
      abis.set(key, abi);
    }
    return abi;
  };
}

/** `null` for bytes that carry no ABI that can be used here. */
export function readAbi(code: Uint8Array): Abi | null {
  const section = readCustomSection(code, ABI_SECTION);
  if (section === undefined || section.length > ABI_SIZE_MAX) return null;
  try {
    const abi = decodeAbi(section);
    return nestingOf(abi) <= NESTING_MAX ? abi : null;
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

function nestingOf({ types, methods, events, errors }: Abi): number {
  // Named types refer to earlier ones only.
  const named: number[] = [];
  const depthOf = (type: AbiType): number => {
    switch (type.kind) {
      case "scalar":
        return 0;
      case "named":
        return named[type.index]!;
      case "map":
        return 1 + Math.max(depthOf(type.key), depthOf(type.value));
      default:
        return 1 + depthOf(type.inner);
    }
  };
  const deepest = (fields: readonly { readonly type: AbiType }[]) =>
    fields.reduce((depth, { type }) => Math.max(depth, depthOf(type)), 0);
  for (const { shape } of types) {
    named.push(1 + deepest(shape.kind === "struct" ? shape.fields : shape.variants.flatMap(({ fields }) => fields)));
  }
  const returns = methods.flatMap(({ returns }) => (returns === null ? [] : [{ type: returns }]));
  const used = [...methods.flatMap(({ params }) => params), ...[...events, ...errors].flatMap(({ fields }) => fields)];
  return Math.max(deepest(returns), deepest(used), ...named);
}
