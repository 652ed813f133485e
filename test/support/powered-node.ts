/** A node in memory with a developer's powers, and a machine's clock that stands still until a test moves it. */
import { onTestFinished } from "vitest";
import { DevelopmentClock } from "../../devnet/clock.ts";
import { createPowers } from "../../devnet/powers.ts";
import type { NodeControl, Powers } from "../../node/control.ts";
import { Node, type NodeOptions } from "../../node/node.ts";
import { developmentGenesis } from "./edits.ts";
import { alice } from "./test-chain.ts";

export interface PoweredNode {
  readonly node: Node;
  readonly powers: Powers;
  /** The machine's clock. */
  now: number;
}

export interface PoweredOptions extends Partial<NodeOptions> {
  readonly isDeterministic?: boolean;
  /** Puts something between the node and the powers. */
  readonly wrap?: (control: NodeControl) => NodeControl;
}

/** Makes blocks when asked to, unless told otherwise. */
export async function startPowered(options: PoweredOptions = {}): Promise<PoweredNode> {
  const { isDeterministic = false, wrap = (control) => control, ...chosen } = options;
  const machine = { now: 5_000 };
  const clock = new DevelopmentClock({ isLogical: isDeterministic, now: () => machine.now });
  const accounts = [{ ...alice, path: "m/0" }];
  let powers: Powers | undefined;
  const node = await Node.start({
    genesis: developmentGenesis,
    clock: clock.timeAfter,
    sealing: { kind: "manual" },
    development: (control) => {
      powers = createPowers(wrap(control), { accounts, clock, isDeterministic });
      return powers;
    },
    ...chosen,
  });
  onTestFinished(() => node.close());
  return Object.assign(machine, { node, powers: powers! });
}
