import { expect, test } from "vitest";
import { FakeNode } from "../../../test/support/fake-node.ts";
import { answerOf, exampleNode, examples } from "../../../test/support/rpc-examples.ts";
import { decodeHeader } from "../../block.ts";
import { verifyNode } from "../../state/witnessed-node.ts";
import { StateMissing } from "../../state-missing.ts";
import { TREE_PLACES_MAX } from "../api/state.ts";
import type { RpcMethod, RpcMethods } from "../api.ts";
import { fromHex, toHex } from "../json.ts";

const subscriptions = { add: () => "1", remove: () => true };
/** Executions, of which `tx_simulate` is one, see to it themselves. */
const methods = (Object.keys(examples) as RpcMethod[]).filter(
  (name) => !name.startsWith("dev_") && name !== "tx_simulate",
);
const readers: readonly RpcMethod[] = [
  "state_account",
  "state_storage",
  "state_proof",
  "state_ics23Proof",
  "state_nodes",
  "contract_code",
  "contract_abi",
];

/** A node whose state may be read only where it can be fetched, and is missing at first. */
async function forkedNode() {
  const service = await exampleNode();
  const facts = { depth: 0, runs: 0, readsOutside: 0 };
  for (const name of ["account", "nextNonce", "storage", "code", "stateTree"] as const) {
    const read = service[name].bind(service) as (...args: unknown[]) => unknown;
    Object.assign(service, {
      [name]: (...args: unknown[]) => {
        if (facts.depth === 0) facts.readsOutside++;
        return read(...args);
      },
    });
  }
  service.withState = async <T>(read: () => T): Promise<T> => {
    facts.depth++;
    try {
      facts.runs += 2;
      read();
      await null;
      return read();
    } finally {
      facts.depth--;
    }
  };
  return { service, facts };
}

test.each(methods)(
  "%s reads the state only where it may be fetched, and answers the same when it is read twice",
  async (method) => {
    const { service, facts } = await forkedNode();
    const answer = await answerOf(method, examples[method], { service, subscriptions });
    expect(facts.readsOutside).toBe(0);
    expect(facts.runs).toBe(readers.includes(method) ? 2 : 0);
    if (!readers.includes(method)) return;
    expect(answer).toEqual(await answerOf(method, examples[method], { service: await exampleNode(), subscriptions }));
  },
);

test.each(readers)("%s lets what is missing through to who fetches it", async (method) => {
  const service = new FakeNode();
  const missing = new StateMissing({ kind: "all" });
  const lack = () => {
    throw missing;
  };
  for (const name of ["account", "storage", "code", "stateTree"] as const) service[name] = lack;
  let seen: unknown;
  service.withState = <T>(read: () => T): T => {
    try {
      return read();
    } catch (error) {
      seen = error;
      throw error;
    }
  };
  await expect(answerOf(method, examples[method], { service })).rejects.toBe(missing);
  expect(seen).toBe(missing);
});

test("nodes of the tree are told with what shows that they are the tree's", async () => {
  const service = await exampleNode();
  const params = { places: ["", "f".repeat(64), ""] };
  const { header, nodes } = (await answerOf("state_nodes", params, { service })) as RpcMethods["state_nodes"]["result"];
  const { height, stateRoot } = decodeHeader(fromHex(header));
  expect(height).toBe(1);
  expect(nodes[1]).toBeNull();
  expect(nodes[2]).toEqual(nodes[0]);
  const { record, children } = nodes[0]!;
  const root = verifyNode({ record: fromHex(record), children: fromHex(children) }, { hash: stateRoot }, "", height);
  if (root.kind !== "inner") throw new Error("the example's state has two entries");
  for (const [nibble, child] of root.children.entries()) {
    const place = nibble.toString(16);
    const answer = await answerOf("state_nodes", { places: [place], height: 1 }, { service });
    const [node] = (answer as RpcMethods["state_nodes"]["result"]).nodes;
    if (child === undefined) expect(node).toBeNull();
    else {
      const witnessed = { record: fromHex(node!.record), children: fromHex(node!.children) };
      expect(verifyNode(witnessed, child, place, height).kind).toBe(child.isLeaf ? "leaf" : "inner");
      expect(toHex(witnessed.record)).toBe(node!.record);
    }
  }
});

test.each<[string, unknown]>([
  ["none", []],
  ["too many", new Array(TREE_PLACES_MAX + 1).fill("")],
  ["one that is too long", ["0".repeat(65)]],
  ["one that is no digit", ["g"]],
  ["one in upper case", ["A"]],
  ["one with 0x before it", ["0x0"]],
  ["a number", [0]],
  ["no list", ""],
])("places of nodes are refused when they are %s", (_, places) => {
  const service = new FakeNode();
  return expect(answerOf("state_nodes", { places }, { service })).rejects.toMatchObject({ code: "invalid_params" });
});
