/** Storage by the names that its contract gives it: `lockstep dev-set storage` writes it, `state` and `tx` read it back. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDevnet, type ListeningDevnet } from "../devnet/devnet.ts";
import { addressToText } from "../node/address.ts";
import { toHex } from "../node/rpc/json.ts";
import { ABI_VERSION, type Abi, encodeAbi } from "../vm/abi.ts";
import { commandTests } from "./support/command.ts";
import { moduleWith } from "./support/landed.ts";

const { lockstep: run } = commandTests();

const u32 = { kind: "scalar", name: "u32" } as const;
const abi: Abi = {
  version: ABI_VERSION,
  name: "Seats",
  types: [],
  methods: [],
  events: [],
  errors: [],
  storage: [
    { name: "count", prefix: Uint8Array.of(1), key: null, value: u32 },
    { name: "seats", prefix: Uint8Array.of(2), key: { kind: "scalar", name: "address" }, value: u32 },
  ],
  doc: "",
};
const contract = new Uint8Array(32).fill(7);
const CONTRACT = addressToText(contract);

let devnet: ListeningDevnet;
beforeAll(async () => {
  devnet = await createDevnet({ listen: 0 });
  await devnet.setCode(contract, moduleWith(encodeAbi(abi)));
});
afterAll(() => devnet.close());

const lockstep = (...args: readonly string[]) => run(args, { environment: { LOCKSTEP_URL: devnet.url }, isTTY: true });
async function answerOf(...args: readonly string[]) {
  const { code, stdout } = await lockstep("--json", ...args);
  return { code, ...JSON.parse(stdout) };
}

test.each(["count", "seats[dev1]"])("%s is set, proven and told by its name", async (field) => {
  const { transactionHash, ...set } = await answerOf("dev-set", "storage", CONTRACT, field, "1000");
  expect(set).toMatchObject({ code: 0, value: "0xe8030000" });

  const state = await answerOf("state", CONTRACT, field);
  expect(state).toMatchObject({ code: 0, key: set.key, value: "0xe8030000", decoded: 1000 });
  expect((await lockstep("state", CONTRACT, field)).stdout).toMatch(/^ {2}value +1000$/m);
  const { decoded, ...byKey } = state;
  expect(await answerOf("state", CONTRACT, set.key)).toEqual(byKey);

  const { transaction } = await answerOf("tx", transactionHash);
  const full = field.replace("dev1", addressToText(devnet.accounts[1]!.address));
  expect(transaction.actions[0].entry).toEqual({ name: full, value: 1000 });
  expect((await lockstep("tx", transactionHash)).stdout).toContain(`at ${full} to 1000`);
});

test("what is not there is proven not to be", async () => {
  const { code, value, decoded } = await answerOf("state", CONTRACT, "seats[dev2]");
  expect([code, value, decoded]).toEqual([0, null, undefined]);
  expect((await lockstep("state", CONTRACT, "seats[dev2]")).stdout).toMatch(/^ {2}value +none$/m);
});

test("bytes that the field's type does not explain are shown as they are", async () => {
  await devnet.setStorage(contract, Uint8Array.of(1), Uint8Array.of(1, 2));
  const { code, value, decoded } = await answerOf("state", CONTRACT, "count");
  expect([code, value, decoded]).toEqual([0, toHex(Uint8Array.of(1, 2)), undefined]);
});

test.each([
  ["nothing", "field_unknown"],
  ["seats", "field_key"],
  ["count[1]", "field_key"],
  ["seats[nobody]", "argument_type"],
  ["0x1", "hex_invalid"],
])("the field %j is refused: %s", async (field, code) => {
  const answer = await answerOf("state", CONTRACT, field);
  expect([answer.code, answer.error.code]).toEqual([2, code]);
});
