/**
 * `lockstep dump`: the state of a running devnet as a file.
 */
import type { Command } from "commander";
import { fromHex } from "../../../node/rpc/json.ts";
import { printResult, withDevelopment, withDevnet } from "../../development.ts";
import { during, exitCodes } from "../../exit-codes.ts";
import { writeFileAtomically } from "../../files.ts";
import { rows } from "../../output.ts";
import { settingsOf } from "../../settings.ts";

export function define(command: Command): void {
  withDevelopment(command)
    .description(
      "Write the state at the head to one file, which replaces an older one: accounts, code and storage, no blocks.\n" +
        "`lockstep load` takes it. `lockstep db dump` writes a whole chain. Piped, the state root.",
    )
    .argument("<file>", "the dump")
    .action(run);
}

async function run(file: string, _: unknown, command: Command): Promise<void> {
  const settings = settingsOf(command);
  const { dump, height, stateRoot } = await withDevnet(settings, (chain) => chain.call("dev_dump", {}));
  const bytes = await during(exitCodes.node, () => fromHex(dump));
  writeFileAtomically(file, bytes);
  printResult(settings, {
    json: { file, size: bytes.length, height, stateRoot },
    bare: [stateRoot],
    text: [
      `The state is in ${file}`,
      ...rows([
        ["size", `${bytes.length} bytes`],
        ["height", `${height}`],
        ["state root", stateRoot],
      ]),
    ],
  });
}
