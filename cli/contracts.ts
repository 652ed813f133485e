/**
 * Contract aliases: names for addresses, in `.lockstep/contracts.json` of the working folder.
 *
 * They are kept by genesis hash, so an alias never points into another chain: a devnet begun anew has none of the old
 * ones.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { addressFromText, addressToText } from "../node/address.ts";
import { InputError } from "../vm/errors.ts";
import { CommandError, exitCodes } from "./exit-codes.ts";
import { readInputFile, writeFileAtomically } from "./files.ts";
import { checkName } from "./names.ts";

const VERSION = 1;

type Aliases = ReadonlyMap<string, string>;

export class ContractAliases {
  readonly #path: string;
  readonly #genesisHash: string;

  constructor(workingFolder: string, genesisHash: string) {
    this.#path = join(workingFolder, ".lockstep", "contracts.json");
    this.#genesisHash = genesisHash;
  }

  /** Throws `InputError` `aliases_corrupt`. */
  find(alias: string): Uint8Array | null {
    const text = this.#chains().get(this.#genesisHash)?.get(alias);
    return text === undefined ? null : addressFromText(text);
  }

  /** The aliases of this chain. */
  list(): Aliases {
    return this.#chains().get(this.#genesisHash) ?? new Map();
  }

  /** Points `alias` at `address`; returns where it pointed before. Throws `InputError`: `name_*`, `aliases_corrupt`. */
  set(alias: string, address: Uint8Array): Uint8Array | null {
    checkName(alias);
    const chains = this.#chains();
    const before = chains.get(this.#genesisHash)?.get(alias);
    const aliases = new Map(chains.get(this.#genesisHash)).set(alias, addressToText(address));
    const next = new Map(chains).set(this.#genesisHash, aliases);
    const json = Object.fromEntries([...next].map(([chain, entries]) => [chain, Object.fromEntries(entries)]));
    writeFileAtomically(this.#path, `${JSON.stringify({ version: VERSION, chains: json }, null, 2)}\n`);
    return before === undefined ? null : addressFromText(before);
  }

  #chains(): ReadonlyMap<string, Aliases> {
    if (!existsSync(this.#path)) return new Map();
    const text = Buffer.from(readInputFile(this.#path)).toString("utf8");
    try {
      const { version, chains } = JSON.parse(text);
      if (version !== VERSION) throw new TypeError(`its version is not ${VERSION}`);
      return new Map(
        Object.entries(chains as object).map(([chain, aliases]) => [
          chain,
          new Map(
            Object.entries(aliases as object).map(([alias, address]) => {
              checkName(alias);
              return [alias, addressToText(addressFromText(address))];
            }),
          ),
        ]),
      );
    } catch (error) {
      if (!(error instanceof SyntaxError || error instanceof TypeError || error instanceof InputError)) throw error;
      const message = `${this.#path} is not a file of contract aliases: ${error.message}`;
      throw new CommandError(exitCodes.file, "aliases_corrupt", message, {
        hint: "Delete the file; contracts stay reachable by their addresses.",
      });
    }
  }
}
