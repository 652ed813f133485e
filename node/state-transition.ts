/**
 * The state transition: a block applied to a state. One pure function serves producing, importing and replaying.
 *
 *   applyBlock
 *     applyTransaction, for each; an edit goes its own way (`edits.ts`) after it was validated
 *       validate        may it be in a block at all? Invalid is no outcome: the transaction leaves no trace
 *       pre-execution   buy gas, count the nonce
 *       execution       the actions in order, all or none
 *       post-execution  return unused gas, pay the proposer, write the receipt
 *     tree update       the net changes become new tree nodes and the state root
 */
import type { Engine, MessageResult, RefusalReason } from "../vm/contract.ts";
import { assert, InputError } from "../vm/errors.ts";
import { addressToText } from "./address.ts";
import { type Block, blockHash, type Event, encodeReceipt, type Header, type Receipt, type Status } from "./block.ts";
import type { ContractCache } from "./contract-cache.ts";
import { applyEdit, checkEdit, isEdit } from "./edits.ts";
import type { Genesis } from "./genesis.ts";
import { merkleRoot } from "./merkle.ts";
import {
  callMessage,
  createMessage,
  createScope,
  outermostFrame,
  readAccount,
  type TransactionScope,
  transferBalance,
  writeAccount,
} from "./message-call.ts";
import type { Params } from "./params.ts";
import { type Account, BALANCE_MAX } from "./state/account.ts";
import { Journal, type StateReader } from "./state/journal.ts";
import { applyChanges, type Change, type NodeReader, type TreeUpdate } from "./state/tree.ts";
import { storeCode } from "./stored-code.ts";
import { type Action, CHAIN_ID_SIZE_MAX, type EncodedTransaction, InvalidTransaction } from "./transaction.ts";

/** The state as of the parent block. */
export interface State {
  readonly flat: StateReader;
  readonly nodes: NodeReader;
}

export interface BlockInput {
  readonly time: number;
  readonly proposer: Uint8Array;
  /** Decoded, their signatures verified. */
  readonly transactions: readonly EncodedTransaction[];
}

export interface AppliedBlock {
  readonly block: Block;
  readonly receipts: readonly Receipt[];
  /** The same as borsh: they are hashed, stored and handed on. */
  readonly encodedReceipts: readonly Uint8Array[];
  /** Hashes of the block's transactions, in order. */
  readonly transactionHashes: readonly Uint8Array[];
  /** Debug text of each transaction; outside consensus. */
  readonly logs: readonly (readonly string[])[];
  /** Transactions of the input that may not be in the block, and are not. A block to import must have none. */
  readonly invalid: readonly InvalidInput[];
  readonly changes: readonly Change[];
  readonly tree: TreeUpdate;
}

export interface InvalidInput {
  /** Position in the input. */
  readonly index: number;
  readonly hash: Uint8Array;
  readonly error: InvalidTransaction;
}

/** What a block needs to know of its chain. */
export interface ChainRules {
  readonly chainId: string;
  readonly params: Params;
  readonly contracts: ContractCache;
  /** Which engine runs the contracts; the result is the same. */
  readonly engine: Engine;
}

export function applyBlock(rules: ChainRules, state: State, parent: Header, input: BlockInput): AppliedBlock {
  const { params } = rules;
  const height = parent.height + 1;
  const parentHash = blockHash(parent);
  assert(input.time >= parent.time, "a block's time is not before its parent's");
  const journal = new Journal(state.flat);
  const included: EncodedTransaction[] = [];
  const receipts: Receipt[] = [];
  const logs: (readonly string[])[] = [];
  const invalid: InvalidInput[] = [];
  let gasUsed = 0;
  for (const [index, transaction] of input.transactions.entries()) {
    const { time, proposer } = input;
    const environment = { height, parentHash, time, proposer, gasLeft: params.blockGasLimit - gasUsed };
    try {
      const result = applyTransaction(rules, journal, environment, transaction);
      gasUsed += result.receipt.gasUsed;
      included.push(transaction);
      receipts.push(result.receipt);
      logs.push(result.logs);
    } catch (error) {
      if (!(error instanceof InvalidTransaction)) throw error;
      invalid.push({ index, hash: transaction.hash, error });
    }
  }
  const changes = journal.changes();
  const tree = applyChanges(state.nodes, parent.height, height, changes);
  const encodedReceipts = receipts.map(encodeReceipt);
  const header: Header = {
    height,
    parentHash,
    time: input.time,
    protocolVersion: params.protocolVersion,
    proposer: input.proposer,
    gasUsed,
    gasLimit: params.blockGasLimit,
    stateRoot: tree.root,
    transactionsRoot: merkleRoot(included.map(({ encoded }) => encoded)),
    receiptsRoot: merkleRoot(encodedReceipts),
  };
  const transactionHashes = included.map((transaction) => transaction.hash);
  const block = { header, transactions: included.map(({ transaction }) => transaction) };
  return { block, receipts, encodedReceipts, transactionHashes, logs, invalid, changes, tree };
}

/**
 * Block 0: the first balances, no transactions, and the genesis hash for a parent. Throws `InputError` `genesis_supply`, and
 * `genesis_base` for a chain that has no block 0 of its own.
 */
export function applyGenesis(genesis: Genesis, genesisHash: Uint8Array): AppliedBlock {
  if (genesis.base !== null) {
    throw new InputError("genesis_base", `the chain begins with block ${genesis.base.height} of another chain`);
  }
  const journal = new Journal({ get: () => undefined, scan: () => [].values() });
  let supply = 0n;
  for (const { address, balance } of genesis.balances) {
    supply += balance;
    if (supply > BALANCE_MAX) throw new InputError("genesis_supply", "the balances add up to more than 2^128 - 1");
    const account = readAccount(journal, address);
    writeAccount(journal, address, { ...account, balance: account.balance + balance });
  }
  const changes = journal.changes();
  const tree = applyChanges({ getNode: () => undefined }, null, 0, changes);
  const header: Header = {
    height: 0,
    parentHash: genesisHash,
    time: genesis.time,
    protocolVersion: genesis.params.protocolVersion,
    proposer: genesis.proposer,
    gasUsed: 0,
    gasLimit: genesis.params.blockGasLimit,
    stateRoot: tree.root,
    transactionsRoot: merkleRoot([]),
    receiptsRoot: merkleRoot([]),
  };
  const block = { header, transactions: [] };
  return { block, receipts: [], encodedReceipts: [], transactionHashes: [], logs: [], invalid: [], changes, tree };
}

export interface BlockEnvironment {
  readonly height: number;
  readonly parentHash: Uint8Array;
  readonly time: number;
  readonly proposer: Uint8Array;
  readonly gasLeft: number;
}

export interface AppliedTransaction {
  readonly receipt: Receipt;
  readonly logs: readonly string[];
}

/** Throws `InvalidTransaction`, and then the journal is as it was. */
export function applyTransaction(
  rules: ChainRules,
  journal: Journal,
  environment: BlockEnvironment,
  entry: EncodedTransaction,
): AppliedTransaction {
  const { transaction, encoded, hash: transactionHash } = entry;
  const { body } = transaction;
  const { sender, gasLimit, gasPrice } = body;

  const account = readAccount(journal, sender);
  checkTransaction(rules, account, environment.height, entry);
  if (body.nonce > account.nonce) {
    throw new InvalidTransaction(
      "nonce_too_high",
      `nonce ${body.nonce}; the next of ${addressToText(sender)} is ${account.nonce}`,
    );
  }
  if (isEdit(body, rules.params)) return { receipt: applyEdit(rules.contracts, journal, entry), logs: [] };
  if (gasLimit > environment.gasLeft) {
    throw new InvalidTransaction("block_full", `gas limit ${gasLimit}; the block has ${environment.gasLeft} left`);
  }

  const prepaid = BigInt(gasLimit) * gasPrice;
  writeAccount(journal, sender, { ...account, nonce: account.nonce + 1, balance: account.balance - prepaid });

  const scope = createScope({
    journal,
    contracts: rules.contracts,
    engine: rules.engine,
    chainId: rules.chainId,
    blockHeight: environment.height,
    blockTime: environment.time,
    signer: sender,
    randomSeed: Uint8Array.of(...environment.parentHash, ...transactionHash),
  });
  const executed = applyActions(
    rules.params,
    scope,
    transaction.body,
    gasLimit - intrinsicGas(rules.params, body, encoded.length),
  );
  const gasUsed = gasLimit - executed.gasLeft;

  const fee = BigInt(gasUsed) * gasPrice;
  const payer = readAccount(journal, sender);
  writeAccount(journal, sender, credited(payer, prepaid - fee));
  const proposer = readAccount(journal, environment.proposer);
  if (fee > 0n) writeAccount(journal, environment.proposer, credited(proposer, fee));
  const { status, actions, events } = executed;
  return { receipt: { transactionHash, status, gasUsed, fee, actions, events }, logs: scope.logs };
}

/**
 * Everything about a transaction's validity but its signature, its place behind earlier nonces and the room in the block:
 * what a mempool checks too. Throws `InvalidTransaction`.
 */
export function checkTransaction(
  { chainId, params }: Pick<ChainRules, "chainId" | "params">,
  account: Account,
  height: number,
  { transaction, encoded }: EncodedTransaction,
): void {
  const { body } = transaction;
  const { sender, nonce, gasLimit, gasPrice, expiryHeight } = body;
  if (body.chainId !== chainId) {
    // A stranger's text: quoted, escaped and short.
    const named = JSON.stringify(body.chainId.slice(0, CHAIN_ID_SIZE_MAX));
    throw new InvalidTransaction("wrong_chain", `the transaction is for chain ${named}, this is "${chainId}"`);
  }
  if (height > expiryHeight) {
    throw new InvalidTransaction(
      "expired",
      `the transaction expired at height ${expiryHeight}; the next block is ${height}`,
      {
        hint: "Sign it again with a later expiry height.",
      },
    );
  }
  if (nonce < account.nonce) {
    throw new InvalidTransaction(
      "nonce_too_low",
      `nonce ${nonce} is used; the next of ${addressToText(sender)} is ${account.nonce}`,
    );
  }
  if (isEdit(body, params)) return checkEdit(transaction, params);
  if (gasPrice < params.gasPriceMin) {
    throw new InvalidTransaction("gas_price_too_low", `gas price ${gasPrice}, at least ${params.gasPriceMin}`);
  }
  if (gasLimit > params.blockGasLimit) {
    throw new InvalidTransaction("gas_limit_too_high", `gas limit ${gasLimit}; a block holds ${params.blockGasLimit}`);
  }
  const intrinsic = intrinsicGas(params, body, encoded.length);
  if (gasLimit < intrinsic) {
    throw new InvalidTransaction(
      "gas_limit_too_low",
      `gas limit ${gasLimit}; the transaction costs ${intrinsic} before it runs`,
    );
  }
  const prepaid = BigInt(gasLimit) * gasPrice;
  if (account.balance < prepaid) {
    throw new InvalidTransaction(
      "insufficient_balance",
      `${addressToText(sender)} has ${account.balance}; gas limit times gas price is ${prepaid}`,
      { hint: "Fund the account, or lower the gas limit." },
    );
  }
}

/** Gas comes back and fees are paid as far as they fit: only where balances are edited is there more than one can hold. */
function credited(account: Account, amount: bigint): Account {
  const balance = account.balance + amount;
  return { ...account, balance: balance > BALANCE_MAX ? BALANCE_MAX : balance };
}

/** Gas for being in a block at all. */
function intrinsicGas(params: Params, { actions }: { readonly actions: readonly Action[] }, size: number): number {
  let gas = params.transactionBaseGas + params.transactionByteGas * size;
  for (const action of actions) if (action.kind === "upload") gas += params.uploadByteGas * action.code.length;
  return gas;
}

interface ExecutedActions {
  readonly status: Status;
  readonly gasLeft: number;
  readonly actions: Receipt["actions"];
  readonly events: readonly Event[];
}

function applyActions(
  params: Params,
  scope: TransactionScope,
  body: EncodedTransaction["transaction"]["body"],
  gasLimit: number,
): ExecutedActions {
  const checkpoint = scope.journal.checkpoint();
  const actions: Receipt["actions"][number][] = [];
  let gasLeft = gasLimit;
  for (const [index, action] of body.actions.entries()) {
    assert(action.kind !== "edit", "edits are in no ordinary transaction");
    const createdCount = scope.created.length;
    const { outcome, gasUsed } = applyAction(params, scope, body, index, action, gasLeft);
    gasLeft -= gasUsed;
    const returnData = outcome.kind === "success" ? outcome.data : new Uint8Array();
    actions.push({ gasUsed, returnData, created: scope.created.slice(createdCount) });
    if (outcome.kind !== "success") {
      scope.journal.revert(checkpoint);
      return { status: outcome, gasLeft, actions, events: [] };
    }
  }
  scope.journal.commit(checkpoint);
  return { status: { kind: "success" }, gasLeft, actions, events: scope.events };
}

function applyAction(
  params: Params,
  scope: TransactionScope,
  { sender, nonce }: EncodedTransaction["transaction"]["body"],
  index: number,
  action: Exclude<Action, { readonly kind: "edit" }>,
  gasLimit: number,
): MessageResult {
  const base = { transfer: params.transferGas, upload: 0, create: params.createGas, call: params.callGas }[action.kind];
  if (gasLimit < base) return { outcome: { kind: "halt", reason: "OutOfGas" }, gasUsed: gasLimit };
  const paid = ({ outcome, gasUsed }: MessageResult): MessageResult => ({ outcome, gasUsed: base + gasUsed });
  const refuse = (reason: RefusalReason) => paid({ outcome: { kind: "refused", reason }, gasUsed: 0 });
  const succeed = (data: Uint8Array) => paid({ outcome: { kind: "success", data }, gasUsed: 0 });
  const frame = outermostFrame(gasLimit - base);
  const { journal } = scope;
  switch (action.kind) {
    case "transfer": {
      const failure = transferBalance(journal, sender, action.to, action.amount);
      return failure === null ? succeed(new Uint8Array()) : refuse(failure);
    }
    case "upload": {
      const codeHash = storeCode(journal, scope.contracts, action.code);
      return codeHash instanceof InputError ? refuse("InvalidCode") : succeed(codeHash);
    }
    case "create": {
      const { codeHash, salt, args, value } = action;
      const origin =
        salt === null ? ({ kind: "nonce", nonce, action: index } as const) : ({ kind: "salt", salt } as const);
      return paid(createMessage(scope, { creator: sender, origin, codeHash, args, value, frame }));
    }
    case "call": {
      const { contract, method, args, value } = action;
      return paid(callMessage(scope, { caller: sender, contract, method, args, value, frame }));
    }
  }
}
