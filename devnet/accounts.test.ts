import { describe, expect, test } from "vitest";
import { addressFromText, addressToText } from "../node/address.ts";
import { publicKeyOf } from "../node/crypto.ts";
import { codeOf } from "../test/support/refusals.ts";
import { ACCOUNT_COUNT_MAX, DEFAULT_MNEMONIC, deriveKey, devAccount, devAccounts } from "./accounts.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));

describe("SLIP-0010", () => {
  const seed1 = "000102030405060708090a0b0c0d0e0f";
  const seed2 =
    "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a29f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542";

  // The published test vectors for ed25519: seed, path, chain code, private key, public key.
  test.each([
    [
      seed1,
      [],
      "90046a93de5380a72b5e45010748567d5ea02bbf6522f979e05c0d8d8ca9fffb",
      "2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7",
      "a4b2856bfec510abab89753fac1ac0e1112364e7d250545963f135f2a33188ed",
    ],
    [
      seed1,
      [0],
      "8b59aa11380b624e81507a27fedda59fea6d0b779a778918a2fd3590e16e9c69",
      "68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3",
      "8c8a13df77a28f3445213a0f432fde644acaa215fc72dcdf300d5efaa85d350c",
    ],
    [
      seed1,
      [0, 1, 2, 2, 1000000000],
      "68789923a0cac2cd5a29172a475fe9e0fb14cd6adb5ad98a3fa70333e7afa230",
      "8f94d394a8e8fd6b1bc2f3f49f5c47e385281d5c17e65324b0f62483e37e8793",
      "3c24da049451555d51a7014a37337aa4e12d41e485abccfa46b47dfb2af54b7a",
    ],
    [
      seed2,
      [],
      "ef70a74db9c3a5af931b5fe73ed8e1a53464133654fd55e7a66f8570b8e33c3b",
      "171cb88b1b3c1db25add599712e36245d75bc65a1a5c9e18d76f9f2b1eab4012",
      "8fe9693f8fa62a4305a140b9764c5ee01e455963744fe18204b4fb948249308a",
    ],
    [
      seed2,
      [0, 2147483647],
      "138f0b2551bcafeca6ff2aa88ba8ed0ed8de070841f0c4ef0165df8181eaad7f",
      "ea4f5bfe8694d8bb74b7b59404632fd5968b774ed545e810de9c32a4fb4192f4",
      "5ba3b9ac6e90e83effcd25ac4e58a1365a9e35a3d3ae5eb07b9e4d90bcf7506d",
    ],
  ])("seed %s, path %j", (seed, path, chainCode, secretKey, publicKey) => {
    const key = deriveKey(bytes(seed), path);
    expect([hex(key.chainCode), hex(key.secretKey)]).toEqual([chainCode, secretKey]);
    expect(hex(publicKeyOf(key.secretKey))).toBe(publicKey);
  });
});

describe("dev accounts", () => {
  test("every machine derives the same ones", () => {
    const accounts = devAccounts();
    expect(accounts.map(({ name }) => name)).toEqual(Array.from({ length: 10 }, (_, i) => `dev${i}`));
    expect(addressToText(accounts[0]!.address)).toBe("lock1qtwjlv6st0e8h9lptwzwml9ysec3mps75k0acdrg8fcymaencvaqvvcnyq");
    expect(addressToText(accounts[9]!.address)).toBe("lock13c6uj75ec6egpyh7dlc3r34x24d6d6rvymrsldhv8x4ruhmn8gasrgn8jg");
    // Derived independently, with Python's hashlib and hmac.
    expect(hex(accounts[0]!.secretKey)).toBe("99a953439861639f9519f43b1697063bc40900eb5b307cd6d1168a6cd2d97ce7");
    expect(hex(accounts[9]!.secretKey)).toBe("a2ecc0fb3a3247dd515c66d2be43b9b1a97c8bb6a86472b468e06bce062b4d9b");
  });

  test("one account is the same alone and among the others", () => {
    expect(devAccount(7)).toEqual(devAccounts(DEFAULT_MNEMONIC, 8)[7]);
  });

  test("addresses are distinct and are text that reads back", () => {
    const texts = devAccounts(DEFAULT_MNEMONIC, 50).map(({ address }) => addressToText(address));
    expect(new Set(texts).size).toBe(50);
    for (const text of texts) expect(addressToText(addressFromText(text))).toBe(text);
  });

  test("other words are other accounts", () => {
    const other = `${"abandon ".repeat(11)}about`;
    expect(devAccount(0, other).address).not.toEqual(devAccount(0).address);
  });

  test.each([
    ["no words", ""],
    ["a wrong checksum", "test test test test test test test test test test test test"],
    ["a word outside the list", "test test test test test test test test test test test lockstep"],
    ["eleven words", "test test test test test test test test test test junk"],
    ["two spaces", DEFAULT_MNEMONIC.replace(" ", "  ")],
  ])("%s is no mnemonic", (_, words) => {
    expect(codeOf(() => devAccounts(words, 1))).toBe("mnemonic_invalid");
  });

  test.each([0, -1, 1.5, Number.NaN, ACCOUNT_COUNT_MAX + 1])("%s accounts are refused", (count) => {
    expect(codeOf(() => devAccounts(DEFAULT_MNEMONIC, count))).toBe("account_count");
  });

  test.each([-1, 0.5, ACCOUNT_COUNT_MAX])("account %s is refused", (index) => {
    expect(codeOf(() => devAccount(index))).toBe("account_count");
  });
});
