/**
 * `lockstep transfer`: moves balance.
 */
import type { Command } from "commander";
import { addressToText } from "../../node/address.ts";
import { AddressBook } from "../accounts.ts";
import { withChain } from "../chain.ts";
import { print, rows } from "../output.ts";
import { readAmount } from "../scalars.ts";
import { send, sendingOptions, withSending } from "../send.ts";
import { sentJson, sentRows } from "../sent-view.ts";
import { settingsOf } from "../settings.ts";

export function define(command: Command): void {
  withSending(command)
    .description("Move balance and wait for the block.")
    .argument("<to>", "address, account or alias")
    .argument("<amount>", "in the smallest unit")
    .action(run);
}

async function run(toName: string, amountText: string, _options: unknown, command: Command): Promise<void> {
  const settings = settingsOf(command);
  const amount = readAmount(amountText);
  const sending = sendingOptions(command);
  await withChain(settings.url, async (chain) => {
    const addresses = new AddressBook(settings, chain);
    const to = addresses.fromText(toName);
    const actions = [{ kind: "transfer", to, amount }] as const;
    const sent = await send(chain, { actions, ...sending, abi: null, addresses });
    const [from, toText] = [sent.sender, addressToText(to)];
    print(settings, {
      json: { from, to: toText, amount, ...sentJson(sent) },
      text: [`Moved ${amount}`, ...rows([["from", from], ["to", toText], ...sentRows(sent)])],
    });
  });
}
