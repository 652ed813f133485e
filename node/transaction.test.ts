import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codeOf } from "../test/support/refusals.ts";
import { signed, TEST_CHAIN_ID, testAccount, transfer } from "../test/support/signing.ts";
import { smallOrderKeys } from "../test/support/small-order.ts";
import { InputError } from "../vm/errors.ts";
import { hash } from "./crypto.ts";
import {
  ACTION_COUNT_MAX,
  type Action,
  decodeTransaction,
  type EditChange,
  encodedTransaction,
  encodeTransaction,
  isUnsigned,
  signingHash,
  signTransaction,
  TRANSACTION_SIZE_MAX,
  type Transaction,
  type TransactionBody,
  UNSIGNED,
  unsignedTransaction,
  verifiedTransaction,
} from "./transaction.ts";

const alice = testAccount(1);
const bob = testAccount(2);

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const amount = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });
const args = fc.uint8Array({ maxLength: 20 });
const changeArb: fc.Arbitrary<EditChange> = fc.oneof(
  fc.record({ kind: fc.constant("balance" as const), address: bytes32, balance: amount }),
  fc.record({ kind: fc.constant("credit" as const), address: bytes32, amount }),
  fc.record({ kind: fc.constant("nonce" as const), address: bytes32, nonce: fc.maxSafeNat() }),
  fc.record({ kind: fc.constant("code" as const), address: bytes32, code: fc.option(args) }),
  fc.record({ kind: fc.constant("storage" as const), contract: bytes32, key: args, value: fc.option(args) }),
);
const actionArb: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ kind: fc.constant("transfer" as const), to: bytes32, amount }),
  fc.record({ kind: fc.constant("upload" as const), code: args }),
  fc.record({
    kind: fc.constant("create" as const),
    codeHash: bytes32,
    salt: fc.option(bytes32),
    args,
    value: amount,
  }),
  fc.record({
    kind: fc.constant("call" as const),
    contract: bytes32,
    method: fc.string({ unit: "grapheme", maxLength: 10 }),
    args,
    value: amount,
  }),
  fc.record({ kind: fc.constant("edit" as const), change: changeArb }),
);
const bodyArb: fc.Arbitrary<TransactionBody> = fc.record({
  chainId: fc.string({ unit: "grapheme", maxLength: 10 }),
  sender: bytes32,
  nonce: fc.maxSafeNat(),
  gasLimit: fc.maxSafeNat(),
  gasPrice: amount,
  expiryHeight: fc.maxSafeNat(),
  actions: fc.array(actionArb, { maxLength: ACTION_COUNT_MAX }),
});
const transactionArb: fc.Arbitrary<Transaction> = fc.record({
  body: bodyArb,
  signature: fc.uint8Array({ minLength: 64, maxLength: 64 }),
});

/** One of each action. */
const everything: readonly Action[] = [
  transfer(bob.address, 5n),
  { kind: "upload", code: Uint8Array.of(1, 2, 3) },
  { kind: "create", codeHash: bob.address, salt: alice.address, args: Uint8Array.of(4), value: 6n },
  { kind: "create", codeHash: bob.address, salt: null, args: new Uint8Array(), value: 0n },
  { kind: "call", contract: bob.address, method: "größe", args: Uint8Array.of(7), value: 8n },
  { kind: "edit", change: { kind: "balance", address: bob.address, balance: 9n } },
  { kind: "edit", change: { kind: "credit", address: bob.address, amount: 10n } },
  { kind: "edit", change: { kind: "nonce", address: bob.address, nonce: 11 } },
  { kind: "edit", change: { kind: "code", address: bob.address, code: Uint8Array.of(12) } },
  { kind: "edit", change: { kind: "storage", contract: bob.address, key: Uint8Array.of(13), value: null } },
];
const sample = signed(alice, everything).encoded;

describe("a transaction's encoding", () => {
  test("gives the transaction back, and no other bytes do", () => {
    fc.assert(
      fc.property(transactionArb, (transaction) => {
        const encoded = encodeTransaction(transaction);
        expect(decodeTransaction(encoded)).toEqual(transaction);
        expect(encodeTransaction(decodeTransaction(encoded))).toEqual(encoded);
      }),
    );
  });

  test("with a byte changed is refused or is another transaction", () => {
    fc.assert(
      fc.property(transactionArb, fc.nat(), fc.integer({ min: 1, max: 255 }), (transaction, where, mask) => {
        const encoded = encodeTransaction(transaction);
        const at = where % encoded.length;
        const changed = encoded.with(at, encoded[at]! ^ mask);
        try {
          expect(encodeTransaction(decodeTransaction(changed))).toEqual(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
    );
  });

  test("cut off anywhere is refused", () => {
    for (let length = 0; length < sample.length; length++) {
      expect(codeOf(() => decodeTransaction(sample.slice(0, length)))).toMatch(/^borsh_(truncated|length)$/);
    }
  });

  test("with bytes behind it is refused", () => {
    expect(codeOf(() => decodeTransaction(Uint8Array.of(...sample, 0)))).toBe("borsh_trailing");
    expect(codeOf(() => decodeTransaction(Uint8Array.of(...sample, ...sample)))).toBe("borsh_trailing");
  });

  test("of any other bytes is an input error, never anything else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(codeOf(() => decodeTransaction(bytes))).toMatch(/^borsh_/);
      }),
    );
  });

  // chainId 4 + 4, sender 32, nonce 8, gasLimit 8, gasPrice 16, expiryHeight 8, then the actions: count 4, tag 1.
  const nonceAt = 4 + TEST_CHAIN_ID.length + 32;
  const countAt = nonceAt + 8 + 8 + 16 + 8;
  test.each([
    ["an action of unknown kind", sample.with(countAt + 4, 5), "borsh_tag"],
    ["more actions than allowed", sample.with(countAt, ACTION_COUNT_MAX + 1), "borsh_length"],
    ["2^32 - 1 actions", sample.slice().fill(0xff, countAt, countAt + 4), "borsh_length"],
    ["a nonce above 2^53", sample.with(nonceAt + 7, 1), "borsh_range"],
    ["a chain id that is not UTF-8", sample.with(4, 0xff), "borsh_utf8"],
    ["a chain id of 4 GB", sample.with(3, 0xff), "borsh_truncated"],
  ])("with %s is refused", (_, bytes, code) => {
    expect(codeOf(() => decodeTransaction(bytes))).toBe(code);
  });

  test("holds as many actions as allowed and not one more", () => {
    const most = new Array<Action>(ACTION_COUNT_MAX).fill(transfer(bob.address, 1n));
    expect(codeOf(() => verifiedTransaction(signed(alice, most).encoded))).toBe("accepted");
    expect(codeOf(() => signed(alice, [...most, most[0]!]))).toBe("borsh_value");
  });

  test("is at most TRANSACTION_SIZE_MAX bytes, told before anything is decoded", () => {
    const overhead = signed(alice, [{ kind: "upload", code: new Uint8Array() }]).encoded.length;
    const code = new Uint8Array(TRANSACTION_SIZE_MAX - overhead);
    const largest = signed(alice, [{ kind: "upload", code }]);
    expect(largest.encoded.length).toBe(TRANSACTION_SIZE_MAX);
    expect(codeOf(() => verifiedTransaction(largest.encoded))).toBe("accepted");
    for (const length of [TRANSACTION_SIZE_MAX + 1, 16 * TRANSACTION_SIZE_MAX]) {
      expect(codeOf(() => decodeTransaction(new Uint8Array(length)))).toBe("transaction_too_large");
    }
  });
});

describe("a transaction's hash", () => {
  test("covers body and signature, and the signing hash the body alone", () => {
    const { transaction, encoded, hash: name } = encodedTransaction(sample);
    expect(name).toEqual(hash("transaction", encoded));
    const other = encodedTransaction(encodeTransaction({ ...transaction, signature: new Uint8Array(64) }));
    expect(other.hash).not.toEqual(name);
    expect(signingHash(other.transaction.body)).toEqual(signingHash(transaction.body));
  });
});

describe("a transaction's signature", () => {
  test("is the sender's over the body", () => {
    expect(verifiedTransaction(sample)).toEqual(encodedTransaction(sample));
  });

  test("breaks with any byte of the transaction", () => {
    const refusals = new Set<string>();
    for (let at = 0; at < sample.length; at++) {
      const code = codeOf(() => verifiedTransaction(sample.with(at, sample[at]! ^ (1 << (at % 8)))));
      expect(code).toMatch(/^(bad_signature|borsh_\w+)$/);
      refusals.add(code);
    }
    expect(refusals).toContain("bad_signature");
  });

  test("is for one chain", () => {
    const { body, signature } = encodedTransaction(sample).transaction;
    for (const chainId of ["", "tes", "Test", "test2"]) {
      const elsewhere = encodeTransaction({ body: { ...body, chainId }, signature });
      expect(codeOf(() => verifiedTransaction(elsewhere))).toBe("bad_signature");
    }
  });

  test("of another account, or of none, is refused", () => {
    const { body, signature } = encodedTransaction(sample).transaction;
    const encode = (transaction: Transaction) => encodeTransaction(transaction);
    for (const forged of [
      { body: { ...body, sender: bob.address }, signature },
      { body, signature: new Uint8Array(64) },
      { body, signature: signTransaction({ ...body, sender: bob.address }, bob.secretKey).signature },
    ]) {
      expect(codeOf(() => verifiedTransaction(encode(forged)))).toBe("bad_signature");
    }
  });

  test("that everybody can make is nobody's: a sender of small order is refused", () => {
    const { body } = encodedTransaction(sample).transaction;
    for (const sender of smallOrderKeys) {
      for (const r of smallOrderKeys) {
        const signature = Uint8Array.of(...r, ...new Uint8Array(32));
        const forged = encodeTransaction({ body: { ...body, sender }, signature });
        expect(codeOf(() => verifiedTransaction(forged))).toBe("sender_invalid");
      }
    }
  });

  test("is not made with a key that is not the sender's", () => {
    const { body } = encodedTransaction(sample).transaction;
    expect(codeOf(() => signTransaction(body, bob.secretKey))).toBe("wrong_key");
  });
});

describe("an unsigned transaction", () => {
  const { body, signature } = encodedTransaction(sample).transaction;
  const development = { development: true };
  const withSignature = (bytes: Uint8Array, sender = alice.address) =>
    encodeTransaction({ body: { ...body, sender }, signature: bytes });

  test("is told by 64 zero bytes, and by nothing near them", () => {
    expect(isUnsigned(unsignedTransaction(body))).toBe(true);
    expect(isUnsigned({ body, signature })).toBe(false);
    for (let at = 0; at < 64; at++) expect(isUnsigned({ body, signature: UNSIGNED.with(at, 1) })).toBe(false);
  });

  test("of whomever may be on a development chain, and on no other", () => {
    for (const sender of [alice.address, bob.address, hash("contract", alice.address), ...smallOrderKeys]) {
      const encoded = encodeTransaction(unsignedTransaction({ ...body, sender }));
      expect(verifiedTransaction(encoded, development)).toEqual(encodedTransaction(encoded));
      expect(codeOf(() => verifiedTransaction(encoded, { development: false }))).toMatch(
        /^(bad_signature|sender_invalid)$/,
      );
      expect(codeOf(() => verifiedTransaction(encoded))).toMatch(/^(bad_signature|sender_invalid)$/);
    }
  });

  test("is the only one that a development chain takes without the sender's signature", () => {
    expect(codeOf(() => verifiedTransaction(sample, development))).toBe("accepted");
    for (let at = 0; at < 64; at++) {
      const forged = [withSignature(UNSIGNED.with(at, 1)), withSignature(signature.with(at, signature[at]! ^ 1))];
      for (const encoded of forged)
        expect(codeOf(() => verifiedTransaction(encoded, development))).toBe("bad_signature");
    }
    expect(codeOf(() => verifiedTransaction(withSignature(signature, bob.address), development))).toBe("bad_signature");
    for (const sender of smallOrderKeys) {
      // By ZIP-215 this is a signature of each of them, and the zero address is one of them.
      const forged = withSignature(Uint8Array.of(1, ...new Uint8Array(63)), sender);
      expect(codeOf(() => verifiedTransaction(forged, development))).toBe("sender_invalid");
    }
  });
});
