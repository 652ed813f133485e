/**
 * `dev_`: the powers of a devnet's developer. Each runs between two blocks, in the order of the calls, and what changes the
 * state is a block of its own that everybody who re-executes the chain gets too. A revert undoes all of it.
 */
import {
  address,
  amount,
  boolean,
  count,
  field,
  hash,
  hex,
  integer,
  listOf,
  type MethodSpecs,
  object,
  oneOf,
  optional,
  orNull,
  readableOrNull,
  string,
  text,
} from "../schema.ts";
import { SEALING_INTERVAL_MS_MAX, sealing } from "../types.ts";

/** What the faucet gives. */
export const FAUCET_AMOUNT = 10n ** 18n;
/** Blocks that one `dev_mine` makes. */
export const MINE_COUNT_MAX = 1_000;
/** The year 9999: what dates can say. */
export const TIME_MAX = 253_402_300_799_999;
/** A thousand years. */
const ADVANCE_MS_MAX = 1_000 * 366 * 86_400_000;
export const LABEL_LENGTH_MAX = 64;

const headAnswer = object({
  height: field(count, "The head's height."),
  hash: field(hash, "The head's hash."),
});

const editAnswer = object({
  height: field(count, "Of the block that the change made."),
  hash: field(hash, "The block's hash."),
  transactionHash: field(hash, "Of the change, which is a transaction of the zero address."),
});

const timeAnswer = object({
  next: field(count, "The time of the next block, were it made now; milliseconds since 1970."),
  head: field(count, "The head's time."),
  stepMs: field(orNull(count), "Milliseconds between two blocks; null while the machine's clock is followed."),
});

const impersonationAnswer = object({
  everybody: field(boolean, "Whether unsigned transactions of every account are taken."),
  addresses: field(listOf(address), "The accounts whose unsigned transactions are taken."),
});

const snapshotAnswer = object({
  snapshot: field(count, "Its number, for `dev_revert`."),
  height: field(count, "The head's height when it was taken."),
});

/** Of all that waits for its turn between two blocks. */
const storeErrors = { "storage_*": "The node makes no blocks at present; `node_info` says why." };

const changed = field(address, "The account's or contract's address.");
const makesBlock = optional(
  boolean,
  "Whether a block is made at that time at once, so that views see it; by default true.",
);

export const devMethods = {
  dev_accounts: {
    summary: "The funded accounts and their keys, which are everybody's.",
    params: {},
    result: listOf(
      object({
        address: field(address, "The account."),
        secretKey: field(hex, "Its ed25519 secret key."),
        path: field(string, "Where the key is below the mnemonic's seed (SLIP-0010)."),
        balance: field(amount, "What it has at the head."),
        label: field(orNull(string), "The account's label."),
      }),
    ),
  },

  dev_faucet: {
    summary: "Gives an account new money.",
    params: {
      address: changed,
      amount: optional(amount, "How much; by default 10^18."),
    },
    result: editAnswer,
    errors: { balance_overflow: "It would have 2^128 or more.", ...storeErrors },
  },

  dev_setBalance: {
    summary: "Sets what an account has.",
    params: { address: changed, balance: field(amount, "What it has then.") },
    result: editAnswer,
    errors: storeErrors,
  },

  dev_setNonce: {
    summary: "Sets how many transactions an account has sent.",
    description: "What waits in the pool with a lower nonce is dropped by the next block.",
    params: { address: changed, nonce: field(count, "What its next transaction must carry then.") },
    result: editAnswer,
    errors: {
      nonce_decreased: "It has sent more already; only a revert makes that undone.",
      nonce_too_large: "The nonce is above 2^52.",
      ...storeErrors,
    },
  },

  dev_setCode: {
    summary:
      "Makes an account a contract with this code, or gives a contract other code; neither `init` nor `migrate` runs.",
    description: "Code that is no contract is refused with the code that says what is wrong with it, and where.",
    params: { address: changed, code: field(readableOrNull(hex), "A Wasm module; null takes the code away.") },
    result: editAnswer,
    errors: {
      "malformed_*": "The code is no Wasm module.",
      "limit_*": "It is larger somewhere than a contract may be.",
      transaction_too_large: "It is longer than a contract may be.",
      ...storeErrors,
    },
  },

  dev_setStorage: {
    summary: "Sets one storage entry of a contract.",
    params: {
      contract: field(address, "The contract."),
      key: field(hex, "The entry's key within the contract."),
      value: field(readableOrNull(hex), "The value; null removes the entry."),
    },
    result: editAnswer,
    errors: {
      not_a_contract: "There is no contract at the address.",
      storage_key_empty: "The key has no byte.",
      storage_key_too_large: "The key is longer than a contract's may be.",
      storage_value_too_large: "The value is longer than a contract's may be.",
      ...storeErrors,
    },
  },

  dev_impersonate: {
    summary: "Takes transactions of an account, or of every account, without a signature: 64 zero bytes in its place.",
    params: { address: optional(address, "Only of this one.") },
    result: impersonationAnswer,
    errors: { too_many_impersonated: "As many as may be are named already." },
  },

  dev_stopImpersonating: {
    summary: "Asks for signatures again: of one account, or of every account that is not named by itself.",
    params: { address: optional(address, "Of this one.") },
    result: impersonationAnswer,
  },

  dev_mine: {
    summary: "Makes blocks: the first of what is ready, the others empty. Answers with the new head.",
    params: { count: optional(integer(1, MINE_COUNT_MAX), "How many; by default 1.") },
    result: headAnswer,
    errors: storeErrors,
  },

  dev_setSealing: {
    summary: "Changes when blocks are made, until the node stops.",
    params: {
      kind: field(
        oneOf(["transaction", "interval", "mixed", "manual"]),
        "As soon as a transaction is ready; every so often; both; when `dev_mine` asks for it.",
      ),
      intervalMs: optional(
        integer(1, SEALING_INTERVAL_MS_MAX),
        "Milliseconds between two blocks; kinds interval and mixed need it, the others have none.",
      ),
    },
    result: sealing,
    errors: { sealing_invalid: "A deterministic chain takes no intervals." },
  },

  dev_dropTransactions: {
    summary: "Takes waiting transactions out of the pool: one, all of a sender, or all.",
    description: "What is being put into a block waits no more.",
    params: {
      hash: optional(hash, "The transaction with this hash."),
      sender: optional(address, "All of this account's; not together with `hash`."),
    },
    result: object({ dropped: field(count, "How many that were.") }),
  },

  dev_time: {
    summary: "Where the chain's clock stands.",
    params: {},
    result: timeAnswer,
  },

  dev_setTime: {
    summary: "Sets the time of the next block, from which time goes on.",
    params: { time: field(integer(0, TIME_MAX), "Milliseconds since 1970, not before the head's."), mine: makesBlock },
    result: timeAnswer,
    errors: { time_backwards: "The head is later than that.", ...storeErrors },
  },

  dev_advanceTime: {
    summary: "Moves the clock forward.",
    params: { ms: field(integer(0, ADVANCE_MS_MAX), "By so many milliseconds."), mine: makesBlock },
    result: timeAnswer,
    errors: { time_invalid: "The time would be beyond the year 9999.", ...storeErrors },
  },

  dev_setTimeStep: {
    summary: "Puts so much time between two blocks, whatever the machine's clock says.",
    params: {
      stepMs: field(
        readableOrNull(integer(0, ADVANCE_MS_MAX)),
        "Milliseconds; null to follow the machine's clock, or in a deterministic chain to go on second by second.",
      ),
    },
    result: timeAnswer,
    errors: storeErrors,
  },

  dev_snapshot: {
    summary: "Remembers everything as it is: chain, clock, pool, sealing, impersonation and labels. Costs nothing.",
    params: {},
    result: snapshotAnswer,
    errors: { too_many_snapshots: "As many as may be are kept already.", ...storeErrors },
  },

  dev_snapshots: {
    summary: "The snapshots that can be reverted to, the oldest first.",
    params: {},
    result: listOf(snapshotAnswer),
  },

  dev_revert: {
    summary:
      "Goes back to a snapshot. It stays and can be reverted to again; later ones are spent. Answers with the head.",
    params: { snapshot: field(count, "The number that `dev_snapshot` gave.") },
    result: headAnswer,
    errors: {
      snapshot_unknown: "There is none of that number, or none any more.",
      "storage_*": "The store failed. All is back already, and in the store once that works again.",
    },
  },

  dev_reset: {
    summary: "Goes back to the beginning of the chain and to the settings of the start. All snapshots are spent.",
    params: {},
    result: headAnswer,
    errors: {
      height_pruned: "The state of the beginning is not kept.",
      "storage_*": "The store failed. All is back already, and in the store once that works again.",
    },
  },

  dev_dump: {
    summary: "The state at the head, as bytes that `dev_load` takes.",
    params: {},
    result: object({
      dump: field(hex, "Accounts, code and storage."),
      height: field(count, "The head's height."),
      stateRoot: field(hash, "The root that the dump has and is checked against."),
    }),
    errors: { dump_too_large: "It is larger than one answer; `lockstep db dump` has no bound.", ...storeErrors },
  },

  dev_load: {
    summary: "Makes the state what a dump says, by blocks of changes. Answers with the new head.",
    params: { dump: field(hex, "What `dev_dump` gave, of this chain or of another.") },
    result: headAnswer,
    errors: {
      dump_invalid: "It is no dump, or not a whole one.",
      dump_version: "Another version of Lockstep made it.",
      ...storeErrors,
    },
  },

  dev_setLabel: {
    summary: "Gives an address a name for the devnet's own output.",
    params: {
      address: changed,
      label: field(readableOrNull(text(LABEL_LENGTH_MAX)), "Letters, digits and `-_. `; null takes it away."),
    },
    result: listOf(
      object({ address: field(address, "Of an account or contract."), label: field(string, "Its name.") }),
    ),
    errors: { label_invalid: "It has other characters.", too_many_labels: "As many as may be are given already." },
  },

  dev_labels: {
    summary: "All labels, in the order of their giving.",
    params: {},
    result: listOf(
      object({ address: field(address, "Of an account or contract."), label: field(string, "Its name.") }),
    ),
  },
} satisfies MethodSpecs;
