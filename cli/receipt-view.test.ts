import { expect, test } from "vitest";
import { addressFromText, addressToText } from "../node/address.ts";
import type { StatusJson } from "../node/rpc/api.ts";
import { ABI_VERSION, type Abi } from "../vm/abi.ts";
import { contractHelp, methodHelp, methodJson, methodOf } from "./contract-help.ts";
import { decodeMethodArgs, decodeReturn, statusView } from "./receipt-view.ts";

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
  events: [],
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
  expect(decodeMethodArgs(abi, "put", "0x0600000000000000", addresses)).toEqual({ noteId: "6" });
  expect(decodeMethodArgs(abi, "put", "0x", addresses)).toBeUndefined();
  expect(decodeMethodArgs(abi, "nope", "0x", addresses)).toBeUndefined();
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
