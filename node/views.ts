/**
 * Executions that leave nothing behind: views, and simulations of transactions. Each runs on the state after one block, held
 * still while it runs, so that it may run beside the making of further blocks.
 */
import { equalBytes } from "../vm/borsh.ts";
import { assert, InputError } from "../vm/errors.ts";
import { blockHash, type Header } from "./block.ts";
import { callMessage, createScope, outermostFrame, readAccount } from "./message-call.ts";
import type { SimulationResult, StateDifference, ViewRequest, ViewResult } from "./rpc/service.ts";
import { Journal, type StateReader } from "./state/journal.ts";
import { applyTransaction, type ChainRules } from "./state-transition.ts";
import { encodedTransaction } from "./transaction.ts";

/** The state as the block with this header left it. */
export interface StateAfter {
  readonly header: Header;
  readonly state: StateReader;
}

const zeroAddress = new Uint8Array(32);
/** Of a view whose caller names no limit: at most about half a second. */
const VIEW_GAS_LIMIT = 500_000_000;

/** As the next block would run it. Throws `InputError` where a transaction would be refused. */
export function runView(rules: ChainRules, { header, state }: StateAfter, request: ViewRequest): ViewResult {
  const { contract, method, args, caller = zeroAddress, gasLimit = VIEW_GAS_LIMIT } = request;
  const scope = createScope({
    journal: new Journal(state),
    contracts: rules.contracts,
    engine: rules.engine,
    chainId: rules.chainId,
    blockHeight: header.height + 1,
    blockTime: header.time,
    signer: caller,
    randomSeed: blockHash(header),
  });
  const frame = outermostFrame(Math.min(gasLimit, rules.params.blockGasLimit), true);
  const { outcome, gasUsed } = callMessage(scope, { caller, contract, method, args, value: 0n, frame });
  if (outcome.kind === "refused") throw refusedView(outcome.reason, method);
  return { outcome, gasUsed, height: header.height, logs: scope.logs };
}

/**
 * What a transaction would do as the next block. Nothing is asked of it that only signing settles: the nonce is the
 * sender's next, gas is free.
 */
export function runSimulation(rules: ChainRules, { header, state }: StateAfter, encoded: Uint8Array): SimulationResult {
  const given = encodedTransaction(encoded);
  const { params } = rules;
  const journal = new Journal(state);
  const nonce = readAccount(journal, given.transaction.body.sender).nonce;
  const body = { ...given.transaction.body, nonce, gasPrice: 0n, expiryHeight: Number.MAX_SAFE_INTEGER };
  const freeRules = { ...rules, params: { ...params, gasPriceMin: 0n } };
  const { height, time, proposer } = header;
  const environment = {
    height: height + 1,
    parentHash: blockHash(header),
    time,
    proposer,
    gasLeft: params.blockGasLimit,
  };
  const transaction = { ...given, transaction: { ...given.transaction, body } };
  const { receipt, logs } = applyTransaction(freeRules, journal, environment, transaction);
  return { receipt, height, logs, differences: differencesOf(journal, state) };
}

function differencesOf(journal: Journal, state: StateReader): StateDifference[] {
  return journal
    .changes()
    .map(({ key, value }) => ({ key, before: state.get(key) ?? null, after: value }))
    .filter(({ before, after }) => before === null || after === null || !equalBytes(before, after))
    .sort((a, b) => Buffer.compare(a.key, b.key));
}

function refusedView(reason: string, method: string): InputError {
  switch (reason) {
    case "NotAContract":
      return new InputError("not_a_contract", "there is no contract at this address");
    case "NoSuchMethod":
      return new InputError("no_such_method", `the contract has no method "${method}"`, {
        hint: "`lockstep call CONTRACT --help` lists the methods.",
      });
    case "PrivateMethod":
      return new InputError("private_method", `"${method}" is for the contract's own calls`);
    default:
      assert(reason === "InputTooLarge", `a view was refused for ${reason}`);
      return new InputError("input_too_large", "the arguments are larger than a call may take");
  }
}
