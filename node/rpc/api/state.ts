/** `state_` and `contract_`: what the state holds, proven or plain, and what contracts say about theirs. */
import {
  address,
  amount,
  anyObject,
  count,
  field,
  hash,
  hex,
  integer,
  listOf,
  type MethodSpecs,
  object,
  optional,
  orNull,
  type Readable,
  readableList,
  string,
} from "../schema.ts";
import { headerBytes, height, name, status } from "../types.ts";

/** Keys of one state proof, and bytes of the values under them: more than one code, or all of a contract's large entries. */
export const PROOF_KEYS_MAX = 64;
export const PROOF_VALUES_SIZE_MAX = 4 * 1024 * 1024;

/** Places of one answer, and bytes that are read for it: for each node, those of its children too. */
export const TREE_PLACES_MAX = 64;
export const TREE_READ_SIZE_MAX = 4 * 1024 * 1024;

/** Where a node is in the state tree: the nibbles of its path as hexadecimal digits. */
const place: Readable<string, string> = {
  json: { type: "string", pattern: "^[0-9a-f]{0,64}$", maxLength: 64 },
  type: "0 to 64 lower case hexadecimal digits",
  read: (value) => (typeof value === "string" && /^[0-9a-f]{0,64}$/.test(value) ? value : undefined),
};

const heightErrors = {
  height_unknown: "There is no such block yet.",
  height_pruned: "The state of that height is not kept any more.",
  height_before_base: "The chain goes on from a block of another chain above that height.",
};

const contractErrors = { not_a_contract: "There is no contract at the address." };

const stateHeight = optional(height, "After which block; by default the head.");

export const stateMethods = {
  state_account: {
    summary: "An account's nonce, balance and code; all zeros for one that nobody touched.",
    params: { address: field(address, "The account's or contract's address."), height: stateHeight },
    result: object({
      address: field(address, "As asked for."),
      nonce: field(count, "How many transactions of the account are in blocks."),
      nextNonce: field(count, "What its next transaction must carry, counting those that wait now."),
      balance: field(amount, "What it has."),
      codeHash: field(orNull(hash), "Of a contract's code; null for an account of a key."),
    }),
    errors: heightErrors,
  },

  state_storage: {
    summary: "A contract's storage entry; null where there is none.",
    params: {
      contract: field(address, "The contract."),
      key: field(hex, "The entry's key within the contract."),
      height: stateHeight,
    },
    result: orNull(hex),
    errors: heightErrors,
  },

  state_proof: {
    summary: "What the state holds under some keys, with one proof of all of it against the header's state root.",
    description:
      'A key is an account\'s "a" and address, a code\'s "c" and hash, or a storage entry\'s "s", the contract\'s address and ' +
      "the entry's key.",
    params: {
      keys: field(readableList(hex, PROOF_KEYS_MAX), "Different keys of the state."),
      height: stateHeight,
    },
    result: object({
      header: headerBytes,
      values: field(listOf(orNull(hex)), "One for each key; null where there is nothing."),
      proof: field(hex, "The proof as borsh; `lockstep/proof` checks it."),
    }),
    errors: {
      ...heightErrors,
      proof_keys: "Two keys are the same.",
      proof_too_large: "The values are too much for one answer.",
    },
  },

  state_ics23Proof: {
    summary: "What the state holds under one key, as an ICS-23 CommitmentProof.",
    description:
      "In the JSON of protobuf: bytes are base64, names camel case. The proof is about SHA-256 of key and value.",
    params: { key: field(hex, "A key of the state, as `state_proof` has them."), height: stateHeight },
    result: object({ header: headerBytes, proof: field(anyObject, "The CommitmentProof.") }),
    errors: { ...heightErrors, proof_inexpressible: "The state is empty, which ICS-23 cannot say." },
  },

  state_nodes: {
    summary:
      "Nodes of the state tree by their places, with what shows that they are the tree's; a fork reads a state with it.",
    description:
      "A place is the nibbles of a path as digits: the root's is the empty text, and a key's leaf is at the beginning of its " +
      "SHA-256. A record names its children by version, hash and kind. Of these a record's own hash does not say which child " +
      "is a leaf, nor where a lone leaf lies; the children's preimages do. A version nothing shows.",
    params: {
      places: field(readableList(place, TREE_PLACES_MAX), "Which nodes."),
      height: stateHeight,
    },
    result: object({
      header: headerBytes,
      nodes: field(
        listOf(
          orNull(
            object({
              record: field(hex, "The node as it is stored."),
              children: field(
                hex,
                "For each child of an inner node, in order, 64 bytes: a leaf's path and the hash of its value, or the hashes of " +
                  "the halves below an inner node.",
              ),
            }),
          ),
        ),
        "One for each place, in order; null where no node is. May end before the places do, but never before the first.",
      ),
    }),
    errors: heightErrors,
  },

  contract_code: {
    summary: "A stored module; null when no code has the hash.",
    params: { codeHash: field(hash, "The code's hash.") },
    result: orNull(hex),
  },

  contract_abi: {
    summary: "The typed interface inside a contract's code.",
    params: { contract: field(address, "The contract.") },
    result: object({
      codeHash: field(hash, "The contract's code."),
      abi: field(orNull(hex), "The ABI section as borsh; null when the code carries none."),
    }),
    errors: contractErrors,
  },

  contract_view: {
    summary: "Calls a method that only reads, at any height whose state is kept.",
    params: {
      contract: field(address, "The contract."),
      method: field(name, "The method's name."),
      args: optional(hex, "The arguments as borsh; by default none."),
      caller: optional(address, "Who calls; by default the zero address."),
      gasLimit: optional(integer(0, Number.MAX_SAFE_INTEGER), "Gas to use at most; by default 100,000,000."),
      height: stateHeight,
    },
    result: object({
      status: field(status, "How the call ended."),
      returnData: field(hex, "What the method returned, as borsh; empty unless it succeeded."),
      gasUsed: field(count, "Gas that it used."),
      height: field(count, "The height whose state it read."),
      logs: field(listOf(string), "Debug text of the contract."),
    }),
    errors: {
      ...contractErrors,
      no_such_method: "The contract has no method of that name.",
      private_method: "The method is for the contract's own calls.",
      input_too_large: "The arguments are larger than a call may have.",
      ...heightErrors,
      scan_of_history: "The method lists keys, which works at the head only.",
      head_moved: "A block came while the method listed keys.",
      busy: "Too many executions wait already.",
    },
  },
} satisfies MethodSpecs;
