import { expect, test } from "vitest";
import { addressFromText, addressToText } from "../node/address.ts";
import type { ReceiptEventJson, StatusJson } from "../node/rpc/api.ts";
import { ABI_VERSION, type Abi } from "../vm/abi.ts";
import { contractHelp, methodHelp, methodJson, methodOf } from "./contract-help.ts";
import { decodeAction, decodeError, decodeEvent, decodeReturn, editText, statusView } from "./receipt-view.ts";

const addresses = { fromText: addressFromText, toText: addressToText };
const u64 = { kind: "scalar", name: "u64" } as const;

const abi: Abi = {
  version: ABI_VERSION,
  name: "Bank",
  types: [],
  methods: [
    {
      name: "init",
      mutability: "init",
      access: "public",
      params: [{ name: "seed", type: u64 }],
      returns: null,
      doc: "",
    },
    { name: "total", mutability: "view", access: "public", params: [], returns: u64, doc: "All of it." },
    {
      name: "put",
      mutability: "payable",
      access: "public",
      params: [{ name: "noteId", type: u64 }],
      returns: null,
      doc: "One\nTwo",
    },
    { name: "sweep", mutability: "call", access: "private", params: [], returns: null, doc: "" },
    { name: "refund", mutability: "payable", access: "reentrant", params: [], returns: null, doc: "" },
    { name: "migrate", mutability: "migrate", access: "public", params: [], returns: null, doc: "" },
  ],
  events: [{ name: "Put", fields: [{ name: "amount", type: u64 }], doc: "" }],
  errors: [
    { name: "TooMuch", code: 7, fields: [{ name: "limit", type: u64 }], doc: "" },
    { name: "Closed", code: 8, fields: [], doc: "" },
  ],
  storage: [],
  doc: "Keeps.",
};

test.each([
  [{ kind: "success" }, "succeeded"],
  [{ kind: "halt", reason: "OutOfGas" }, "halted: OutOfGas"],
  [{ kind: "refused", reason: "NotPayable" }, "was refused: NotPayable"],
  [{ kind: "revert", code: 0, data: "0x6869", message: "hi" }, "reverted: hi"],
  [{ kind: "revert", code: 0, data: "0x", message: "" }, "reverted with code 0"],
  [{ kind: "revert", code: 9, data: "0x01" }, "reverted with code 9 and data 0x01"],
  [{ kind: "revert", code: 7, data: "0x0500000000000000" }, 'reverted: TooMuch {"limit":"5"}'],
  [{ kind: "revert", code: 7, data: "0x05" }, "reverted: TooMuch 0x05"],
  [{ kind: "revert", code: 8, data: "0x" }, "reverted: Closed"],
] as [StatusJson, string][])("%j reads: %s", (status, text) => {
  expect(statusView(status, abi, addresses).text).toBe(text);
});

test("an error of the ABI is given to programs by name and fields", () => {
  const { error } = statusView({ kind: "revert", code: 7, data: "0x0500000000000000" }, abi, addresses);
  expect(error).toEqual({ name: "TooMuch", fields: { limit: "5" } });
});

test("without an ABI a code is a code", () => {
  expect(statusView({ kind: "revert", code: 7, data: "0x05" }, null, addresses).text).toBe(
    "reverted with code 7 and data 0x05",
  );
});

test("bytes that are not of the type are no value", () => {
  expect(decodeReturn(abi, u64, "0x0500000000000000", addresses)).toBe("5");
  expect(decodeReturn(abi, u64, "0x05", addresses)).toBeUndefined();
});

test("an action is told by the ABI as far as it knows it", () => {
  const call = { kind: "call", contract: "lock1", method: "total", args: "0x", value: "0" } as const;
  const create = { kind: "create", codeHash: "0x", salt: null, args: "0x0600000000000000", value: "0" } as const;
  expect(decodeAction(call, "0x0500000000000000", abi, addresses)).toEqual({ arguments: {}, returns: "5" });
  expect(decodeAction(call, undefined, abi, addresses)).toEqual({ arguments: {} });
  expect(decodeAction(call, "0x05", abi, addresses)).toEqual({ arguments: {} });
  expect(decodeAction({ ...call, method: "nope" }, "0x", abi, addresses)).toEqual({});
  expect(decodeAction(create, "0x", abi, addresses)).toEqual({ arguments: { seed: "6" } });
  expect(decodeAction({ ...create, args: "0x06" }, "0x", abi, addresses)).toEqual({});
  expect(decodeAction(call, "0x0500000000000000", null, addresses)).toEqual({});
  expect(decodeAction({ kind: "transfer", to: "lock1", amount: "5" }, "0x", abi, addresses)).toEqual({});
});

test("an event is told by name and fields, or as it is", () => {
  const event: ReceiptEventJson = { contract: "lock1", name: "Put", topics: ["0x507574"], data: "0x0500000000000000" };
  expect(decodeEvent(event, abi, addresses)).toEqual({ ...event, fields: { amount: "5" } });
  const odds: ReceiptEventJson[] = [
    { ...event, name: "Get" },
    { ...event, data: "0x05" },
    { ...event, data: "0x" },
  ];
  for (const odd of odds) {
    expect(decodeEvent(odd, abi, addresses)).toEqual({ ...odd, fields: null });
  }
  expect(decodeEvent(event, null, addresses)).toEqual({ ...event, fields: null });
});

test("only a revert that the ABI declares is an error of it", () => {
  const data = "0x0500000000000000";
  expect(decodeError({ kind: "revert", code: 7, data }, abi, addresses)).toEqual({
    name: "TooMuch",
    fields: { limit: "5" },
  });
  expect(decodeError({ kind: "revert", code: 7, data: "0x" }, abi, addresses)).toEqual({
    name: "TooMuch",
    fields: null,
  });
  expect(decodeError({ kind: "revert", code: 9, data }, abi, addresses)).toBeUndefined();
  expect(decodeError({ kind: "revert", code: 7, data }, null, addresses)).toBeUndefined();
  expect(decodeError({ kind: "halt", reason: "OutOfGas" }, abi, addresses)).toBeUndefined();
  expect(decodeError({ kind: "success" }, abi, addresses)).toBeUndefined();
});

test("an edit reads as what it sets, with addresses as they are named", () => {
  const named = (address: string) => `<${address}>`;
  expect(editText({ kind: "balance", address: "a", balance: "5" }, { nameOf: named })).toBe("balance of <a> to 5");
  const storage = { kind: "storage", contract: "a", key: "0x01", value: null } as const;
  expect(editText(storage)).toBe("storage of a at 0x01 to none");
  expect(editText(storage, { nameOf: named, entryText: "seats[5] to 7" })).toBe("storage of <a> at seats[5] to 7");
});

test("storage that is edited reads as the field it is, where the ABI explains it", () => {
  const seats = { name: "seats", prefix: Uint8Array.of(0x73), key: u64, value: u64 };
  const view = (key: `0x${string}`, value: `0x${string}` | null) => {
    const change = { kind: "storage", contract: addressToText(new Uint8Array(32)), key, value } as const;
    return decodeAction({ kind: "edit", change }, undefined, { ...abi, storage: [seats] }, addresses);
  };
  expect(view("0x730500000000000000", "0x0700000000000000")).toEqual({ entry: { name: "seats[5]", value: "7" } });
  expect(view("0x730500000000000000", null)).toEqual({ entry: { name: "seats[5]", value: null } });
  for (const [key, value] of [
    ["0x730500", null],
    ["0x730500000000000000", "0x07"],
    ["0x740500000000000000", null],
    ["0x", null],
  ] as const) {
    expect(view(key, value)).toEqual({});
  }
});

test("a contract's help is its methods, grouped by how they are used", () => {
  expect(contractHelp(abi)).toEqual([
    "Bank",
    "  Keeps.",
    "",
    "Views (`lockstep view`):",
    "  total() -> u64",
    "      All of it.",
    "",
    "Calls (`lockstep call`):",
    "  put(noteId: u64)  (takes --value)",
    "      One",
    "      Two",
    "  sweep()  (private)",
    "  refund()  (takes --value, reentrant)",
    "",
    "At creation (`lockstep deploy`):",
    "  init(seed: u64)",
    "",
    "At an upgrade to this code:",
    "  migrate()",
  ]);
});

test("a method's help names its flags and their types", () => {
  const text = methodHelp(abi, methodOf(abi, "put")).join("\n");
  expect(text).toContain("--note-id <noteId>  A u64 is an integer from 0 to 2^64 - 1");
  expect(text).toContain("--value <amount>");
});

test("a method's help says when not everybody may call it, or when one always may", () => {
  const helpOf = (name: string) => methodHelp(abi, methodOf(abi, name)).join("\n");
  expect(helpOf("put")).not.toMatch(/private|reentrant/);
  expect(helpOf("sweep")).toContain("It is private: only the contract itself may call it.");
  expect(helpOf("refund")).toContain("It is reentrant");
  expect(methodJson(abi, methodOf(abi, "sweep"))).toMatchObject({ mutability: "call", access: "private" });
});

test("a method that is not there is refused with those that are", () => {
  expect(() => methodOf(abi, "steal")).toThrow(
    expect.objectContaining({ code: "method_unknown", hint: "Its methods are total, put, sweep, refund." }),
  );
});
