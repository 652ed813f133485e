/** `tx_`: from the signed bytes to the proof of the receipt. */
import {
  address,
  amount,
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
  string,
} from "../schema.ts";
import {
  headerBytes,
  includedReceipt,
  pageLimit,
  pooledTransaction,
  poolStatus,
  provenItem,
  receipt,
  stateChanges,
  transaction,
  transactionStatus,
} from "../types.ts";

/** Default and bound of `tx_submitAndWait`. */
export const WAIT_TIMEOUT_MS = 10_000;
export const WAIT_TIMEOUT_MS_MAX = 60_000;
/** What `tx_fees` looks at. */
export const FEE_BLOCKS_MAX = 20;
export const FEE_TRANSACTIONS_MAX = 1_000;

const encodingErrors = {
  transaction_too_large: "The encoding is larger than a transaction may be.",
  "borsh_*": "The bytes are not the encoding of a transaction; `details.offset` says where.",
};

const admissionErrors = {
  wrong_chain: "The transaction names another chain.",
  expired: "Its expiry height has passed.",
  nonce_too_low: "Its nonce is used; `state_account` has the next.",
  nonce_too_high: "Its nonce is too far ahead of the account's.",
  gas_price_too_low: "`chain_params` has the least.",
  gas_limit_too_low: "It costs more before it runs.",
  gas_limit_too_high: "A block holds less.",
  insufficient_balance: "The sender cannot pay gas limit times gas price.",
};

const submitErrors = {
  ...encodingErrors,
  bad_signature: "The sender did not sign these bytes.",
  sender_invalid: "Everybody can sign for the sender's key.",
  ...admissionErrors,
  follower_read_only: "The node follows another one, which takes transactions.",
  already_known: "It is waiting already.",
  already_included: "It is in a block already.",
  nonce_taken: "Another with its nonce is being put into a block.",
  replacement_underpriced: "Another with its nonce waits, and this one does not pay enough more to replace it.",
  sender_full: "The sender has as many waiting as may be.",
  mempool_full: "Too many transactions wait, and none of them for less.",
  "storage_*": "The node makes no blocks at present; `node_info` says why.",
  busy: "Too much waits for the node already.",
  node_stopping: "The node is stopping.",
};

const refusedCode =
  "Code that is no contract is refused at once, with the codes and places that `lockstep check` tells.";

const encoded = field(hex, "The transaction as borsh.");

export const transactionMethods = {
  tx_submit: {
    summary: "Hands in a signed transaction, and answers once it is admitted.",
    description: `Admitted is not included: \`tx_status\` tells what became of it. ${refusedCode}`,
    params: { transaction: encoded },
    result: object({ hash: field(hash, "The transaction's hash.") }),
    errors: submitErrors,
  },

  tx_submitAndWait: {
    summary: "Hands in a signed transaction, and answers with its receipt once a block with it is stored.",
    description: refusedCode,
    params: {
      transaction: encoded,
      timeoutMs: optional(
        integer(1, WAIT_TIMEOUT_MS_MAX),
        `How long to wait for the block, in milliseconds; by default ${WAIT_TIMEOUT_MS}.`,
      ),
    },
    result: includedReceipt,
    errors: {
      ...submitErrors,
      wait_timeout: "No block took it in time. It still waits.",
      replaced: "Another with its nonce and a higher price took its place.",
      evicted: "The pool was full, and others pay more.",
      dropped: "It was taken out of the pool by hand.",
      chain_reverted: "The chain was taken back to where it did not wait yet.",
      gap_expired: "It waited too long for the nonces before it.",
    },
  },

  tx_get: {
    summary: "A transaction that is in a block; null for any other.",
    params: { hash: field(hash, "The transaction's hash.") },
    result: orNull(transaction),
  },

  tx_receipt: {
    summary: "The receipt of a transaction that is in a block; null for any other.",
    params: { hash: field(hash, "The transaction's hash.") },
    result: orNull(includedReceipt),
  },

  tx_status: {
    summary: "Whether a transaction waits, is in a block, or is unknown.",
    params: { hash: field(hash, "The transaction's hash.") },
    result: transactionStatus,
  },

  tx_proof: {
    summary: "Shows that a block holds a transaction and its receipt, by audit paths (RFC 6962).",
    description: "`count` is of both lists. Neither it nor `index` is proven by the paths.",
    params: { hash: field(hash, "The transaction's hash.") },
    result: orNull(
      object({
        header: headerBytes,
        index: field(count, "Position in the block."),
        count: field(count, "Transactions in the block."),
        transaction: field(provenItem, "The transaction, under the header's transactions root."),
        receipt: field(provenItem, "Its receipt, under the header's receipts root."),
      }),
    ),
  },

  tx_simulate: {
    summary: "Runs a transaction on the head and keeps nothing.",
    description:
      "Signature, nonce, gas price and expiry height are not looked at, and there is no fee: 64 zero bytes will do for a " +
      "signature, and an account without a balance can ask what something costs.",
    params: { transaction: encoded },
    result: object({
      receipt: field(receipt, "The receipt it would have, with a fee of 0."),
      height: field(count, "The head it ran on."),
      logs: field(listOf(string), "Debug text of the contracts."),
      changes: field(stateChanges, "What would change in the state, but for the fee."),
    }),
    errors: {
      ...encodingErrors,
      wrong_chain: admissionErrors.wrong_chain,
      gas_limit_too_low: admissionErrors.gas_limit_too_low,
      gas_limit_too_high: admissionErrors.gas_limit_too_high,
      head_moved: "A block came while a contract listed keys.",
      busy: "Too many executions wait already.",
    },
  },

  tx_fees: {
    summary: "What gas costs: the least price, and the prices that were paid lately.",
    params: {},
    result: object({
      gasPriceMin: field(amount, "Transactions below this price are refused."),
      recent: field(
        orNull(
          object({
            low: field(amount, "The lowest."),
            median: field(amount, "Half of the transactions paid at most this."),
            high: field(amount, "The highest."),
            transactions: field(count, "How many transactions that was."),
          }),
        ),
        `Prices of one gas in the last ${FEE_BLOCKS_MAX} blocks, of the newest ${FEE_TRANSACTIONS_MAX} transactions in them; null when there are none.`,
      ),
    }),
  },

  tx_pool: {
    summary: "The transactions that wait, in order of arrival.",
    description: "To go on, give the last transaction's hash as `after`, until a page is empty.",
    params: {
      sender: optional(address, "Only this account's."),
      after: optional(hash, "Only what arrived behind the waiting transaction with this hash."),
      limit: pageLimit,
    },
    result: object({
      pool: field(poolStatus, "How full the pool is."),
      transactions: field(listOf(pooledTransaction), "In order of arrival."),
    }),
  },
} satisfies MethodSpecs;
