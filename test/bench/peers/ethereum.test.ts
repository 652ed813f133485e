/** Against published vectors, and a transaction that anvil 1.7.1 signed with `eth_signTransaction`. */
import { expect, test } from "vitest";
import { DEFAULT_MNEMONIC } from "../../../devnet/accounts.ts";
import { encodeRlp, ethereumAccounts, type RlpItem, rlpInteger, signEthereumTransaction } from "./ethereum.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const text = (value: string) => new TextEncoder().encode(value);

test("the accounts are the ones every Ethereum devnet has", () => {
  const accounts = ethereumAccounts(DEFAULT_MNEMONIC, 10);
  expect(hex(accounts[0]!.address)).toBe("f39fd6e51aad88f6f4ce6ab8827279cfffb92266");
  expect(hex(accounts[0]!.secretKey)).toBe("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
  expect(hex(accounts[1]!.address)).toBe("70997970c51812dc3a010c7d01b50e0d17dc79c8");
  expect(hex(accounts[9]!.address)).toBe("a0ee7a142d267c1f36714e4a8f75612f20a79720");
});

// https://ethereum.org/developers/docs/data-structures-and-encoding/rlp/
const empty: RlpItem = [];
test.each<[string, RlpItem, string]>([
  ["a text", text("dog"), "83646f67"],
  ["a list of texts", [text("cat"), text("dog")], "c88363617483646f67"],
  ["no bytes", text(""), "80"],
  ["an empty list", empty, "c0"],
  ["the integer 0", rlpInteger(0n), "80"],
  ["the byte 0", Uint8Array.of(0), "00"],
  ["the integer 15", rlpInteger(15n), "0f"],
  ["the integer 128", rlpInteger(128n), "8180"],
  ["the integer 1024", rlpInteger(1024n), "820400"],
  ["lists in lists", [empty, [empty], [empty, [empty]]], "c7c0c1c0c3c0c1c0"],
  ["55 bytes", new Uint8Array(55), `b7${"00".repeat(55)}`],
  ["56 bytes", new Uint8Array(56), `b838${"00".repeat(56)}`],
  ["a list of 56 bytes", new Array<RlpItem>(56).fill(Uint8Array.of(1)), `f838${"01".repeat(56)}`],
  ["1024 bytes", new Uint8Array(1024), `b90400${"00".repeat(1024)}`],
])("RLP of %s", (_, item, expected) => {
  expect(hex(encodeRlp(item))).toBe(expected);
});

test("a transaction is signed as anvil signs it", () => {
  const [sender, receiver] = ethereumAccounts(DEFAULT_MNEMONIC, 2);
  const transaction = {
    chainId: 31337n,
    nonce: 300n,
    maxPriorityFeePerGas: 1_000_000_000n,
    maxFeePerGas: 20_000_000_000n,
    gasLimit: 21_000n,
    to: receiver!.address,
    value: 0n,
  };
  expect(hex(signEthereumTransaction(transaction, sender!.secretKey))).toBe(
    "02f86f827a6982012c843b9aca008504a817c8008252089470997970c51812dc3a010c7d01b50e0d17dc79c88080c080" +
      "a015079d9e4bbba0b9b76160cfdcf01d75f30bb785e60bf52003f72a11b4fba65a" +
      "a03584af422d4e5fb0747d59cf4fb13d9a39b5574e2c72111492f75001e1eef9ce",
  );
});
