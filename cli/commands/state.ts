/**
 * `lockstep state`: one storage entry of a contract, checked against the state root of its block.
 */
import type { Command } from "commander";
import { addressToText } from "../../node/address.ts";
import { fromHex, toHex } from "../../node/rpc/json.ts";
import { storageKey } from "../../node/state/account.ts";
import { InputError } from "../../vm/errors.ts";
import { AddressBook } from "../accounts.ts";
import { withChain } from "../chain.ts";
import { print, rows } from "../output.ts";
import { provenRow, provenState } from "../proven.ts";
import { readInteger } from "../scalars.ts";
import { settingsOf, withShared } from "../settings.ts";

const notes = `
The entry comes with a proof that it is, or is not, in the state of the block that is named with it, and the proof is checked
here. That the block is the chain's is the node's word.

Examples:
  lockstep state token totalSupply                    the field of that name
  lockstep state token 0x0b746f74616c537570706c79     the same entry by its key
  lockstep state token totalSupply --height 12        as block 12 left it`;

export function define(command: Command): void {
  withShared(command, "url", "json")
    .description("Show a storage entry of a contract, with proof; without --height, on the newest state.")
    .argument("<contract>", "alias or address")
    .argument("<key>", "0x and hexadecimal digits, or the name of a field of a contract made with the SDK")
    .option("--height <height>", "as this block left it, if the node keeps that state")
    .addHelpText("after", notes)
    .action(run);
}

async function run(
  contractText: string,
  keyText: string,
  { height }: { height?: string },
  command: Command,
): Promise<void> {
  const settings = settingsOf(command);
  const key = keyText.startsWith("0x") ? fromHex(keyText) : fieldKey(keyText);
  const at = height === undefined ? undefined : readInteger(height, "height");
  await withChain(settings.url, async (chain) => {
    const contract = new AddressBook(settings, chain).fromText(contractText);
    const { values, provenBy } = await provenState(chain, [storageKey(contract, key)], at);
    const value = values[0] ?? null;
    print(settings, {
      json: {
        contract: addressToText(contract),
        key: toHex(key),
        value: value === null ? null : toHex(value),
        provenBy,
      },
      text: [
        addressToText(contract),
        ...rows([
          ["key", toHex(key)],
          ["value", value === null ? "none" : `${toHex(value)} (${value.length} bytes)`],
          provenRow(provenBy),
        ]),
      ],
    });
  });
}

/** Where the SDK keeps a field: under the length of its name in one byte, and the name. */
function fieldKey(name: string): Uint8Array {
  const encoded = new TextEncoder().encode(name);
  if (encoded.length === 0 || encoded.length > 0xff) {
    throw new InputError("field_invalid", `${JSON.stringify(name)} is no field's name`, {
      hint: "Write the name of a field, or 0x and the hexadecimal digits of a key.",
    });
  }
  return Uint8Array.of(encoded.length, ...encoded);
}
