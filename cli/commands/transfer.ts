/**
 * `lockstep transfer`: moves balance.
 */
import type { Command } from "commander";
import { addressToText } from "../../node/address.ts";
import { AddressBook, signerOf } from "../accounts.ts";
import { withChain } from "../chain.ts";
import { print, rows } from "../output.ts";
import { readAmount } from "../scalars.ts";
import { gasOptions, send, withGas } from "../send.ts";
import { sentJson, sentRows } from "../sent-view.ts";
import { settingsOf, withShared } from "../settings.ts";

export function define(command: Command): void {
  withGas(withShared(command, "url", "from", "json"))
    .description("Move balance and wait for the block.")
    .argument("<to>", "address, account or alias")
    .argument("<amount>", "in the smallest unit")
    .action(run);
}

async function run(toName: string, amountText: string, _options: unknown, command: Command): Promise<void> {
  const settings = settingsOf(command);
  const amount = readAmount(amountText);
  const signer = signerOf(settings);
  await withChain(settings.url, async (chain) => {
    const addresses = new AddressBook(settings, chain);
    const to = addresses.fromText(toName);
    const actions = [{ kind: "transfer", to, amount }] as const;
    const sent = await send(chain, { actions, signer, ...gasOptions(command), abi: null, addresses });
    const [from, toText] = [addressToText(signer.address), addressToText(to)];
    print(settings, {
      json: { from, to: toText, amount, ...sentJson(sent) },
      text: [`Moved ${amount}`, ...rows([["from", from], ["to", toText], ...sentRows(sent)])],
    });
  });
}
