/**
 * All entries of the head's state, in the order of the tree's paths. Each node is read by itself, so a fork fetches each once,
 * and others have their turn in between. The chain must be held still meanwhile.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { NodeService } from "../node/rpc/service.ts";
import { loadNode } from "../node/state/tree.ts";
import { type LeafNode, type TreeNode, withNibble } from "../node/state/tree-node.ts";

/** Some milliseconds. */
const NODES_PER_TURN = 1_000;

interface Place {
  readonly version: number;
  readonly path: Uint8Array;
  readonly depth: number;
}

export async function* leavesOfHead(
  service: Pick<NodeService, "stateTree" | "withState">,
): AsyncGenerator<LeafNode, void, undefined> {
  const { header, nodes } = await service.withState(() => service.stateTree());
  /** The next last. */
  const open: Place[] = [{ version: header.height, path: new Uint8Array(32), depth: 0 }];
  let count = 0;
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const { version, path, depth } = place;
    const read = service.withState((): TreeNode => loadNode(nodes, version, path, depth));
    const node = read instanceof Promise ? await read : read;
    if (node.kind === "leaf") yield node;
    else if (node.kind === "inner") {
      for (let nibble = node.children.length - 1; nibble >= 0; nibble--) {
        const child = node.children[nibble];
        if (child !== undefined) {
          open.push({ version: child.version, path: withNibble(path, depth, nibble), depth: depth + 1 });
        }
      }
    }
    if (++count % NODES_PER_TURN === 0) await turn();
  }
}
