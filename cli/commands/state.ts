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
import { print, rows, valueText } from "../output.ts";
import { provenRow, provenState } from "../proven.ts";
import { ifDecodable } from "../receipt-view.ts";
import { readInteger } from "../scalars.ts";
import { settingsOf, withShared } from "../settings.ts";
import { describeEntry, isHexKey, NONE, readPlace } from "../storage-entry.ts";

const notes = `
The entry comes with a proof that it is, or is not, in the state of the block that is named with
it, and the proof is checked here. That the block is the chain's, and what the contract's fields
are, is the node's word.

Examples:
  lockstep state token totalSupply                    the field of that name
  lockstep state token 'balances[dev1]'               an entry of a map
  lockstep state token 0x0b746f74616c537570706c79     an entry by its key
  lockstep state token totalSupply --height 12        as block 12 left it`;

export function define(command: Command): void {
  withShared(command, "url", "json")
    .description("Show a storage entry of a contract, with proof; without --height, on the newest state.")
    .argument("<contract>", "alias or address")
    .argument("<key>", "a field of the contract, such as totalSupply or 'balances[dev1]'; or 0x and hexadecimal digits")
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
  const hexKey = isHexKey(keyText) ? fromHex(keyText) : null;
  const at = height === undefined ? undefined : readInteger(height, "height");
  await withChain(settings.url, async (chain) => {
    const addresses = new AddressBook(settings, chain);
    const contract = addresses.fromText(contractText);
    const abi = hexKey === null ? await chain.abiIfAny(addressToText(contract)) : null;
    const typed = abi && { abi, addresses };
    const key = hexKey ?? (typed === null ? fieldKey(keyText) : readPlace(keyText, typed).key);
    const { values, provenBy } = await provenState(chain, [storageKey(contract, key)], at);
    const value = values[0] ?? null;
    const decoded =
      typed && value !== null ? ifDecodable(() => describeEntry({ key, value }, typed))?.value : undefined;
    print(settings, {
      json: {
        contract: addressToText(contract),
        key: toHex(key),
        value: value === null ? null : toHex(value),
        ...(decoded !== undefined && { decoded }),
        provenBy,
      },
      text: [
        addressToText(contract),
        ...rows([
          ["key", toHex(key)],
          ...(decoded === undefined ? [] : [["value", valueText(decoded)] as const]),
          [
            decoded === undefined ? "value" : "bytes",
            value === null ? NONE : `${toHex(value)} (${value.length} bytes)`,
          ],
          provenRow(provenBy),
        ]),
      ],
    });
  });
}

/** Where the SDK keeps a field, for want of an ABI: under the length of its name in one byte, and the name. */
function fieldKey(name: string): Uint8Array {
  const encoded = new TextEncoder().encode(name);
  if (encoded.length === 0 || encoded.length > 0xff) {
    throw new InputError("field_invalid", `${JSON.stringify(name)} is no field's name`, {
      hint: "Write the name of a field, or 0x and the hexadecimal digits of a key.",
    });
  }
  return Uint8Array.of(encoded.length, ...encoded);
}
