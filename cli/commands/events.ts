/**
 * `lockstep events`: what contracts told, decoded by their ABIs; with --follow also what they will tell.
 */
import type { Command } from "commander";
import { addressToText } from "../../node/address.ts";
import type { EventOfTopic } from "../../node/rpc/client.ts";
import type { EventJson } from "../../node/rpc/types.ts";
import { InputError } from "../../vm/errors.ts";
import { AddressBook } from "../accounts.ts";
import { type Chain, withChain } from "../chain.ts";
import { CommandError, exitCodes } from "../exit-codes.ts";
import { print, printJson, printText } from "../output.ts";
import { decodeEvents, eventText } from "../receipt-view.ts";
import { readInteger } from "../scalars.ts";
import { settingsOf, withShared } from "../settings.ts";

const DEFAULT_LIMIT = 100;
const LIMIT_MAX = 100_000;
/** Of one request. */
const PAGE_LENGTH_MAX = 1_000;

const notes = `
An event's cursor, such as 12-0-3, stands before it. --after goes on behind one; 12 alone is the end
of block 12. With --follow the command runs until Ctrl-C, and with --json it prints one object for
each event.

Examples:
  lockstep events token                               the token's first 100 events
  lockstep events token --name Transfer --from 100
  lockstep events --follow --json                     every event from now on, a line each`;

export function define(command: Command): void {
  withShared(command, "url", "json")
    .description("List the events of a contract, or of all, oldest first.")
    .argument("[contract]", "alias or address; default: all contracts")
    .option("--name <name>", "only events of this name")
    .option("--from <height>", "from this block on; default: the first")
    .option("--to <height>", "up to this block; default: the head")
    .option("--after <cursor>", "only what comes behind this cursor")
    .option("--limit <count>", `at most so many; default ${DEFAULT_LIMIT}`)
    .option("--follow", "go on with new ones as they come; from the head on unless --after says otherwise")
    .addHelpText("after", notes)
    .action(run);
}

interface Options {
  readonly name?: string;
  readonly from?: string;
  readonly to?: string;
  readonly after?: string;
  readonly limit?: string;
  readonly follow?: true;
}

async function run(contractText: string | undefined, options: Options, command: Command): Promise<void> {
  const settings = settingsOf(command);
  const { name, after, follow } = options;
  const fromHeight = options.from === undefined ? undefined : readInteger(options.from, "height");
  const toHeight = options.to === undefined ? undefined : readInteger(options.to, "height");
  const limit =
    options.limit === undefined ? DEFAULT_LIMIT : readInteger(options.limit, "limit", { min: 1, max: LIMIT_MAX });
  if (follow && [fromHeight, toHeight, options.limit].some((option) => option !== undefined)) {
    throw new InputError("usage", "--follow has no end: --from, --to and --limit do not go with it", {
      hint: "Use --after HEIGHT to begin behind a block.",
    });
  }
  await withChain(settings.url, async (chain) => {
    const addresses = new AddressBook(settings, chain);
    const filter = {
      ...(contractText !== undefined && { contract: addressToText(addresses.fromText(contractText)) }),
      ...(name !== undefined && { name }),
      ...(after !== undefined && { after }),
    };
    const show = async (events: readonly EventJson[]): Promise<readonly EventView[]> => {
      const decoded = await decodeEvents(events, chain, addresses);
      return events.map(({ cursor, height, transactionHash }, index) => {
        return { cursor, height, transactionHash, ...decoded[index]! };
      });
    };
    if (follow) {
      return followEvents(chain, filter, async (event) => {
        for (const view of await show([event])) {
          if (settings.json) printJson({ ok: true, event: view });
          else printText([lineOf(view)]);
        }
      });
    }
    const { events, next } = await listEvents(chain, { ...filter, ...range(fromHeight, toHeight) }, limit);
    const views = await show(events);
    const more = next === null ? [] : [`There are more: --after ${next}`];
    print(settings, {
      json: { events: views, next },
      text: views.length === 0 && next === null ? ["no events"] : [...views.map(lineOf), ...more],
    });
  });
}

type EventView = Awaited<ReturnType<typeof decodeEvents>>[number] &
  Pick<EventJson, "cursor" | "height" | "transactionHash">;

function lineOf(event: EventView): string {
  return `${event.cursor}  ${eventText(event)}`;
}

function range(fromHeight: number | undefined, toHeight: number | undefined) {
  return { ...(fromHeight !== undefined && { fromHeight }), ...(toHeight !== undefined && { toHeight }) };
}

interface Filter {
  readonly contract?: string;
  readonly name?: string;
  readonly after?: string;
}

/** Page by page, until there are `limit` or no more. */
async function listEvents(
  chain: Chain,
  { after: start, ...filter }: Filter & { readonly fromHeight?: number; readonly toHeight?: number },
  limit: number,
): Promise<{ readonly events: readonly EventJson[]; readonly next: string | null }> {
  const events: EventJson[] = [];
  let after = start;
  for (;;) {
    const size = Math.min(limit - events.length, PAGE_LENGTH_MAX);
    const page = await chain.call("chain_events", { ...filter, limit: size, ...(after !== undefined && { after }) });
    events.push(...page.events);
    if (page.next === null || events.length >= limit) return { events, next: page.next };
    after = page.next;
  }
}

/** Until the connection ends. One after the other, for the first event of a contract waits for its ABI. */
async function followEvents(chain: Chain, filter: Filter, show: (event: EventJson) => Promise<void>): Promise<never> {
  return new Promise((_, reject) => {
    let cursor = filter.after;
    let shown = Promise.resolve();
    const tell = (event: EventOfTopic<"events">): void => {
      shown = shown.then(() => (event.kind === "event" ? show(event.event) : lagged(event.missed)));
      shown.catch(reject);
      if (event.kind === "event") cursor = event.cursor;
    };
    const end = ({ code, message }: InputError): void => {
      const hint = cursor === undefined ? "Start it again." : `Go on with --after ${cursor}.`;
      shown.finally(() => reject(new CommandError(exitCodes.node, code, message, { hint })));
    };
    chain.subscribe({ topic: "events", ...filter }, tell, end).catch(reject);
  });
}

function lagged(missed: number): never {
  throw new CommandError(exitCodes.node, "lagged", `the events of ${missed} blocks were missed`, {
    hint: "List them with --from and --to, then follow again.",
  });
}
