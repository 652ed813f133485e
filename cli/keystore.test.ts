import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { addressToText } from "../node/address.ts";
import { publicKeyOf } from "../node/crypto.ts";
import { codeOf } from "../test/support/refusals.ts";
import { Keystore } from "./keystore.ts";

let home: string;
let keystore: Keystore;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "lockstep-keys-"));
  keystore = new Keystore(home);
});
afterEach(() => rmSync(home, { recursive: true }));

const secretKey = new Uint8Array(32).fill(7);
const pathOf = (name: string) => join(home, "keys", `${name}.json`);
const readJson = (name: string) => JSON.parse(readFileSync(pathOf(name), "utf8"));
const edit = (name: string, change: object) =>
  writeFileSync(pathOf(name), JSON.stringify({ ...readJson(name), ...change }));

describe("a key in plain", () => {
  test("comes back, and its file belongs to its owner only", () => {
    const { path, address, isEncrypted } = keystore.add("alice", secretKey);
    expect([path, isEncrypted]).toEqual([pathOf("alice"), false]);
    expect(address).toEqual(publicKeyOf(secretKey));
    expect(keystore.unlock("alice")).toEqual(secretKey);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(home, "keys"))).toEqual(["alice.json"]);
  });

  test("is never overwritten", () => {
    keystore.add("alice", secretKey);
    const before = readFileSync(pathOf("alice"), "utf8");
    expect(codeOf(() => keystore.add("alice", new Uint8Array(32).fill(8)))).toBe("account_exists");
    expect(readFileSync(pathOf("alice"), "utf8")).toBe(before);
    expect(readdirSync(join(home, "keys"))).toEqual(["alice.json"]);
  });

  test.each([0o644, 0o640, 0o604, 0o660])("is not used when its mode is %o", (mode) => {
    keystore.add("alice", secretKey);
    chmodSync(pathOf("alice"), mode);
    for (const use of [() => keystore.unlock("alice"), () => keystore.find("alice"), () => keystore.list()]) {
      expect(codeOf(use)).toBe("key_file_permissions");
    }
  });

  test.each([
    ["no JSON", () => writeFileSync(pathOf("alice"), "{")],
    ["an empty file", () => writeFileSync(pathOf("alice"), "")],
    ["JSON that is null", () => writeFileSync(pathOf("alice"), "null")],
    ["JSON that is a list", () => writeFileSync(pathOf("alice"), "[]")],
    ["another version", () => edit("alice", { version: 2 })],
    ["another kind", () => edit("alice", { kind: "rot13" })],
    ["no address", () => edit("alice", { address: 5 })],
    ["a key that is short", () => edit("alice", { secretKey: "0x07" })],
    ["a key that is no hexadecimal", () => edit("alice", { secretKey: "zz".repeat(32) })],
  ])("is refused with %s", (_, damage) => {
    keystore.add("alice", secretKey);
    damage();
    expect(codeOf(() => keystore.unlock("alice"))).toBe("key_file_corrupt");
    expect(codeOf(() => keystore.list())).toBe("key_file_corrupt");
  });

  test("is refused under the address of another", () => {
    keystore.add("alice", secretKey);
    edit("alice", { address: addressToText(publicKeyOf(new Uint8Array(32).fill(8))) });
    expect(codeOf(() => keystore.unlock("alice"))).toBe("key_file_corrupt");
  });
});

describe("an encrypted key", () => {
  test("opens with its password and with no other", () => {
    expect(keystore.add("bob", secretKey, "correct horse").isEncrypted).toBe(true);
    expect(readFileSync(pathOf("bob"), "utf8")).not.toContain("07".repeat(32));
    expect(keystore.unlock("bob", "correct horse")).toEqual(secretKey);
    expect(codeOf(() => keystore.unlock("bob", "correct horse "))).toBe("password_wrong");
    expect(codeOf(() => keystore.unlock("bob", ""))).toBe("password_wrong");
    expect(codeOf(() => keystore.unlock("bob"))).toBe("password_missing");
  });

  test("shows its address without the password", () => {
    keystore.add("bob", secretKey, "p");
    expect(keystore.find("bob")).toMatchObject({ name: "bob", address: publicKeyOf(secretKey), isEncrypted: true });
  });

  test("is bound to its address", () => {
    keystore.add("bob", secretKey, "p");
    edit("bob", { address: addressToText(publicKeyOf(new Uint8Array(32).fill(8))) });
    expect(codeOf(() => keystore.unlock("bob", "p"))).toBe("password_wrong");
  });

  test("opens no more when a byte of it changed", () => {
    keystore.add("bob", secretKey, "p");
    const { ciphertext, tag } = readJson("bob");
    const flip = (hex: string) => hex.slice(0, -1) + (hex.endsWith("0") ? "1" : "0");
    edit("bob", { ciphertext: flip(ciphertext) });
    expect(codeOf(() => keystore.unlock("bob", "p"))).toBe("password_wrong");
    edit("bob", { ciphertext, tag: flip(tag) });
    expect(codeOf(() => keystore.unlock("bob", "p"))).toBe("password_wrong");
    edit("bob", { tag: tag.slice(0, 10) });
    expect(codeOf(() => keystore.unlock("bob", "p"))).toBe("key_file_corrupt");
  });

  test("two keys with one password share no bytes of salt or ciphertext", () => {
    keystore.add("bob", secretKey, "p");
    keystore.add("bob2", secretKey, "p");
    const [one, two] = [readJson("bob"), readJson("bob2")];
    for (const field of ["salt", "iv", "ciphertext", "tag"]) expect(one[field]).not.toBe(two[field]);
  });
});

describe("names", () => {
  test.each(["", "Alice", "a b", "../alice", "a/b", "a.b", ".hidden", "-x", "é", "a".repeat(64)])(
    "%j is refused",
    (name) => {
      expect(codeOf(() => keystore.add(name, secretKey))).toBe("name_invalid");
      expect(codeOf(() => keystore.unlock(name))).toBe("name_invalid");
    },
  );

  test.each(["dev0", "dev999", "lock1abc"])("%s is reserved", (name) => {
    expect(codeOf(() => keystore.add(name, secretKey))).toBe("name_reserved");
  });

  test.each(["a", "dev", "dev-1", "dev01", "a".repeat(63)])("%s is free", (name) => {
    expect(codeOf(() => keystore.add(name, secretKey))).toBe("accepted");
  });

  test("they are listed in order, and none is no error", () => {
    expect(keystore.list()).toEqual([]);
    for (const name of ["b", "a", "c"]) keystore.add(name, secretKey);
    expect(keystore.list().map(({ name }) => name)).toEqual(["a", "b", "c"]);
    expect(keystore.find("d")).toBeNull();
    expect(codeOf(() => keystore.unlock("d"))).toBe("account_unknown");
  });
});

test.each([0, 31, 33, 64])("a key of %i bytes is refused", (size) => {
  expect(codeOf(() => keystore.add("alice", new Uint8Array(size)))).toBe("secret_key_invalid");
});

test("an empty password is refused rather than taken for none", () => {
  expect(codeOf(() => keystore.add("alice", secretKey, ""))).toBe("password_empty");
});
