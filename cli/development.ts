/**
 * What the commands of a devnet's developer have in common: the node's token, and their output. Law: when stdout is no
 * terminal, the result stands there alone, so that a script needs no `--json` to take it.
 */
import type { Command } from "commander";
import type { RpcMethods } from "../node/rpc/api.ts";
import { AddressBook } from "./accounts.ts";
import { type Chain, withChain } from "./chain.ts";
import { CommandError } from "./exit-codes.ts";
import { print, type Report, rows } from "./output.ts";
import { type Settings, withShared } from "./settings.ts";

/** Adds the options of all of them. */
export function withDevelopment(command: Command): Command {
  return withShared(command, "url", "token", "json");
}

/** As `withChain`, with the token and the names that are known here. */
export function withDevnet<T>(
  settings: Settings,
  work: (chain: Chain, addresses: AddressBook) => Promise<T>,
): Promise<T> {
  return withTokenHint(() =>
    withChain(settings.url, (chain) => work(chain, new AddressBook(settings, chain)), settings),
  );
}

/** What the node says of its token is for programs. */
export async function withTokenHint<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CommandError) || !/^(development_forbidden|token_wrong)$/.test(error.code)) throw error;
    const { exitCode, code, message, details } = error;
    throw new CommandError(exitCode, code, message, {
      hint: "Give the node's token as --token TOKEN, or in LOCKSTEP_TOKEN.",
      ...(details !== undefined && { details }),
    });
  }
}

interface Result extends Report {
  /** What a script wants of it. */
  readonly bare: readonly string[];
}

export function printResult(settings: Settings, { json, text, bare }: Result): void {
  print(settings, { json, text: process.stdout.isTTY === true ? text : bare });
}

type Edited = RpcMethods["dev_setBalance"]["result"];

/** What was changed, and the block that the change made. */
export function printEdit(
  settings: Settings,
  { title, facts, edited }: { readonly title: string; readonly facts: Report["json"]; readonly edited: Edited },
): void {
  const { height, hash, transactionHash } = edited;
  printResult(settings, {
    json: { ...facts, transactionHash, height, blockHash: hash },
    bare: [transactionHash],
    text: [
      title,
      ...rows([
        ["transaction", transactionHash],
        ["block", `${height} ${hash}`],
      ]),
    ],
  });
}

type Head = RpcMethods["dev_mine"]["result"];

/** What was done, and the head that the chain has since. */
export function printHead(
  settings: Settings,
  {
    title,
    facts,
    head: { height, hash },
  }: { readonly title: string; readonly facts: Report["json"]; readonly head: Head },
): void {
  printResult(settings, {
    json: { ...facts, height, blockHash: hash },
    bare: [`${height}`],
    text: [title, ...rows([["head", `${height} ${hash}`]])],
  });
}
