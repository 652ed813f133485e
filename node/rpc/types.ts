/**
 * The chain's values as they stand in JSON. Bytes are `0x` hex, addresses bech32m text, amounts decimal strings, heights,
 * nonces, gas and times numbers; times are milliseconds since 1970.
 *
 * Each schema gives the type of the same name, which `json.ts` makes and clients read.
 */
import { haltReasons, refusalReasons } from "../../vm/outcome.ts";
import {
  address,
  amount,
  boolean,
  count,
  cursor,
  field,
  hash,
  hex,
  integer,
  type JsonOf,
  kinds,
  listOf,
  type Named,
  named,
  object,
  oneOf,
  optional,
  orNull,
  type Schema,
  string,
  text,
  variant,
} from "./schema.ts";

/** The longest interval between blocks: a day. */
export const SEALING_INTERVAL_MS_MAX = 86_400_000;
/** Items of one page of events or waiting transactions; by default, and at most. */
export const PAGE_LENGTH = 100;
export const PAGE_LENGTH_MAX = 1_000;
/** Of a contract's method, an event or a subscription. */
const NAME_LENGTH_MAX = 256;

// What several methods take.

export const height = integer(0, Number.MAX_SAFE_INTEGER);
export const name = text(NAME_LENGTH_MAX);
export const pageLimit = optional(integer(1, PAGE_LENGTH_MAX), `At most so many; by default ${PAGE_LENGTH}.`);
export const headerBytes = field(hex, "The block's header as borsh.");

// Blocks.

const headerFields = {
  height: field(count, "How many blocks came before it."),
  hash: field(hash, "Its name: the tagged hash of the header as borsh."),
  parentHash: field(hash, "The hash of the block before; the genesis hash for block 0."),
  time: field(count, "When it was made, in milliseconds since 1970; never less than its parent's."),
  protocolVersion: field(count, "The rules it was made by."),
  proposer: field(address, "Who is paid the fees."),
  gasUsed: field(count, "Gas of all its transactions together."),
  gasLimit: field(count, "The most that they could use."),
  stateRoot: field(hash, "Commits to every account, code and storage entry after the block."),
  transactionsRoot: field(hash, "Merkle root of the transactions."),
  receiptsRoot: field(hash, "Merkle root of the receipts, events included."),
};
const header = object(headerFields);
export type HeaderJson = JsonOf<typeof header>;

export const block = define(
  "Block",
  object({ ...headerFields, transactions: field(listOf(hash), "Transaction hashes, in order.") }),
);
export type BlockJson = JsonOf<typeof block>;

// Receipts.

export const status = define(
  "Status",
  kinds({
    success: variant("It did what was asked.", {}),
    revert: variant("The contract chose to undo it.", {
      code: field(integer(0, 0xffff_ffff), "The contract's own code; 0 with a text as data."),
      data: field(hex, "What the contract says about it."),
      message: optional(string, "The data as text; there when the code is 0 and the data is text."),
    }),
    halt: variant("The contract failed, and the whole gas limit is spent.", {
      reason: field(oneOf(haltReasons), "How."),
    }),
    refused: variant("The chain declined before any contract ran.", { reason: field(oneOf(refusalReasons), "Why.") }),
  }),
);
export type StatusJson = JsonOf<typeof status>;

const receiptEventFields = {
  contract: field(address, "Who emitted it."),
  name: field(string, "The first topic as text."),
  topics: field(listOf(hex), "The first is the event's name."),
  data: field(hex, "Its fields as borsh, as the contract's ABI explains."),
};
const receiptEvent = object(receiptEventFields);
export type ReceiptEventJson = JsonOf<typeof receiptEvent>;

const receiptFields = {
  transactionHash: field(hash, "The transaction it is of."),
  status: field(status, "How it ended. Unless it is success, nothing but the fee is left of it."),
  gasUsed: field(count, "Gas that it cost."),
  fee: field(amount, "What the sender paid: gas used times gas price."),
  actions: field(
    listOf(
      object({
        gasUsed: field(count, "Gas of this action."),
        returnData: field(hex, "What the contract returned, as borsh."),
        created: field(listOf(address), "Contracts that the action made; a create action's own is the first."),
      }),
    ),
    "One for each action that ran, the failing one included.",
  ),
  events: field(listOf(receiptEvent), "In the order in which they were emitted."),
};
const placeFields = {
  height: field(count, "The block's height."),
  blockHash: field(hash, "The block's hash."),
  index: field(count, "Position in the block."),
};

export const receipt = define("Receipt", object(receiptFields));
export type ReceiptJson = JsonOf<typeof receipt>;

export const includedReceipt = define("IncludedReceipt", object({ ...receiptFields, ...placeFields }));
/** A receipt and where its block is. */
export type IncludedReceiptJson = JsonOf<typeof includedReceipt>;

export const event = define(
  "Event",
  object({
    ...receiptEventFields,
    height: placeFields.height,
    blockHash: placeFields.blockHash,
    transactionHash: field(hash, "The transaction that emitted it."),
    transactionIndex: field(count, "The transaction's position in the block."),
    eventIndex: field(count, "The event's position in the receipt."),
    cursor: field(cursor, "The event's place, to go on behind."),
  }),
);
/** An event and where it is. */
export type EventJson = JsonOf<typeof event>;

// Transactions.

const codeFields = {
  codeHash: field(hash, "The code's hash; `contract_code` has the bytes."),
  codeSize: field(count, "Bytes."),
};

export const editChange = define(
  "EditChange",
  kinds({
    balance: variant("Sets a balance.", {
      address: field(address, "Whose."),
      balance: field(amount, "What it has from then on."),
    }),
    credit: variant("Adds to a balance.", {
      address: field(address, "Whose."),
      amount: field(amount, "How much."),
    }),
    nonce: variant("Sets a nonce, which never decreases.", {
      address: field(address, "Whose."),
      nonce: field(count, "That of the account's next transaction."),
    }),
    code: variant("Gives an account other code, and runs none of it.", {
      address: field(address, "Whose."),
      code: field(orNull(object(codeFields)), "Null takes its code from it; what it has stored stays."),
    }),
    storage: variant("Sets a storage entry of a contract.", {
      contract: field(address, "Whose entry."),
      key: field(hex, "The entry's key within the contract."),
      value: field(orNull(hex), "The value; null removes the entry."),
    }),
    upload: variant("Stores code.", codeFields),
  }),
);
/** What an edit does to the state. */
export type EditChangeJson = JsonOf<typeof editChange>;

export const action = define(
  "Action",
  kinds({
    transfer: variant("Moves an amount.", {
      to: field(address, "Who gets it."),
      amount: field(amount, "How much."),
    }),
    upload: variant("Stores a module under the hash of its bytes.", codeFields),
    create: variant("Creates a contract from stored code and runs its `init`.", {
      codeHash: field(hash, "The code."),
      salt: field(orNull(hash), "Decides the address together with sender and code; null when the nonce does."),
      args: field(hex, "The arguments as borsh."),
      value: field(amount, "What the contract is given."),
    }),
    call: variant("Calls a method of a contract.", {
      contract: field(address, "The contract."),
      method: field(string, "The method's name."),
      args: field(hex, "The arguments as borsh."),
      value: field(amount, "What the contract is given."),
    }),
    edit: variant("Changes the state by its developer's decree; on development chains alone.", {
      change: field(editChange, "How."),
    }),
  }),
);
export type ActionJson = JsonOf<typeof action>;

const bodyFields = {
  sender: field(address, "Who signed it, unless it is unsigned, and pays; the zero address for edits."),
  nonce: field(count, "How many transactions of the sender come before it."),
  gasLimit: field(count, "The most gas it may use."),
  gasPrice: field(amount, "The fee for one gas."),
  expiryHeight: field(count, "The last height at which it may enter a block."),
};

export const transaction = define(
  "Transaction",
  object({
    hash: field(hash, "Its name."),
    chainId: field(string, "The chain it is for."),
    ...bodyFields,
    actions: field(listOf(action), "In order; all or none of them take effect."),
    signature: field(hex, "Ed25519, 64 bytes; all are zero when nobody signed, as may be on development chains."),
    ...placeFields,
  }),
);
/** A transaction that is in a block. */
export type TransactionJson = JsonOf<typeof transaction>;

const pooledFields = {
  hash: field(hash, "Its name."),
  ...bodyFields,
  actions: field(
    listOf(oneOf(["transfer", "upload", "create", "call", "edit"])),
    "The kinds of its actions, in order.",
  ),
  size: field(count, "Bytes of its encoding."),
  isReady: field(boolean, "Whether the next block could take it: no earlier nonce is missing."),
  admittedAt: field(count, "When the node took it in, in milliseconds since 1970."),
};
export const pooledTransaction = define("PooledTransaction", object(pooledFields));
/** A transaction that waits for a block. */
export type PooledTransactionJson = JsonOf<typeof pooledTransaction>;

const progress = {
  unknown: variant("Neither waiting nor in a block.", {}),
  pending: variant("It waits for a block.", pooledFields),
  included: variant("It is in a block.", { receipt: field(includedReceipt, "Its receipt and where it is.") }),
};
const refusalFields = {
  code: field(string, "A stable code."),
  message: field(string, "The same in words."),
};

export const transactionStatus = define("TransactionStatus", kinds(progress));
export type TransactionStatusJson = JsonOf<typeof transactionStatus>;

const transactionNews = kinds({
  ...progress,
  dropped: variant("It will not be in a block, unless it is submitted anew.", refusalFields),
});
/** As `TransactionStatusJson`, or that the transaction was dropped. */
export type TransactionNewsJson = JsonOf<typeof transactionNews>;

export const provenItem = define(
  "ProvenItem",
  object({
    bytes: field(hex, "The item as borsh."),
    path: field(listOf(hash), "Its audit path (RFC 6962) up to the list's root in the header."),
  }),
);
/** An item of one of a block's lists as borsh, and its audit path up to the list's root in the header. */
export type ProvenItemJson = JsonOf<typeof provenItem>;

// State.

export const accountState = define(
  "AccountState",
  object({
    nonce: field(count, "How many transactions of the account are in blocks."),
    balance: field(amount, "What it has."),
    codeHash: field(orNull(hash), "Of a contract's code; null for an account of a key."),
  }),
);
export type AccountStateJson = JsonOf<typeof accountState>;

export const stateChanges = define(
  "StateChanges",
  object({
    accounts: field(
      listOf(
        object({
          address: field(address, "Whose."),
          before: field(orNull(accountState), "Null for an account that nobody had touched."),
          after: field(orNull(accountState), "What it would be."),
        }),
      ),
      "Accounts, in the order of their bytes.",
    ),
    storage: field(
      listOf(
        object({
          contract: field(address, "Whose entry."),
          key: field(hex, "The entry's key within the contract."),
          before: field(orNull(hex), "The value; null for no entry."),
          after: field(orNull(hex), "What it would be; null for an entry that is removed."),
        }),
      ),
      "Storage entries, in the order of contract and key.",
    ),
    code: field(
      listOf(object({ codeHash: field(hash, "The code's hash."), codeSize: field(count, "Bytes.") })),
      "Code that is stored anew.",
    ),
  }),
);
export type StateChangesJson = JsonOf<typeof stateChanges>;

// The node.

const intervalFields = {
  intervalMs: field(integer(1, SEALING_INTERVAL_MS_MAX), "Milliseconds between two blocks."),
};
export const sealing = define(
  "Sealing",
  kinds({
    transaction: variant("As soon as a transaction is ready, of everything that is ready then.", {}),
    interval: variant("Every so often, empty if need be.", intervalFields),
    mixed: variant("Both.", intervalFields),
    manual: variant("When `dev_mine` asks for it.", {}),
  }),
);
/** When blocks are made. */
export type SealingJson = JsonOf<typeof sealing>;

export const poolStatus = define(
  "PoolStatus",
  object({
    count: field(count, "Transactions that wait."),
    bytes: field(count, "Their size together."),
    readyCount: field(count, "Those of them that the next block could take."),
    countMax: field(count, "The most that may wait."),
    bytesMax: field(count, "The most bytes that may wait."),
  }),
);
export type PoolStatusJson = JsonOf<typeof poolStatus>;

export const stopReason = object(refusalFields);

// Subscriptions.

export const subscriptionEvent = define(
  "SubscriptionEvent",
  kinds(
    {
      head: variant("Topic heads: the chain has a new head.", {
        cursor: field(cursor, "The head's height, to go on behind."),
        head: field(block, "The block."),
      }),
      event: variant("Topic events: a contract emitted what the filter asks for.", {
        cursor: field(cursor, "The event's place, to go on behind."),
        event: field(event, "The event."),
      }),
      status: variant("Topic transaction: what has become of it.", {
        status: field(transactionNews, "The first tells how it stands now; in a block or dropped is the last word."),
      }),
      pending: variant("Topic pending: a transaction was taken in.", {
        transaction: field(pooledTransaction, "The transaction."),
      }),
      dropped: variant("Topic pending: a transaction left the pool, and not for a block.", {
        hash: field(hash, "Which."),
        ...refusalFields,
      }),
      lagged: variant("Topics heads, events and pending: something was left out here.", {
        missed: field(
          count,
          "Blocks that were passed over or, topic pending, notifications; 0 when `after` is above the head: the chain was taken " +
            "back meanwhile, or is another.",
        ),
      }),
    },
    {
      subscription: field(string, "As `chain_subscribe` named it."),
      sequence: field(count, "Counts the subscription's notifications from 0 without gaps."),
    },
  ),
);
/** Parameters of the `chain_subscription` notification. */
export type SubscriptionEvent = JsonOf<typeof subscriptionEvent>;

function define<T>(name: string, schema: Schema<T>): Named<T> {
  return named(name, schema.json);
}
