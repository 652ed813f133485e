import { describe, expect, test, vi } from "vitest";
import { codeOfWork } from "../test/support/refusals.ts";
import { signed, testAccount, transfer } from "../test/support/signing.ts";
import { smallOrderKeys } from "../test/support/small-order.ts";
import { equalBytes } from "../vm/borsh.ts";
import { InputError } from "../vm/errors.ts";
import { Admission, type Claim } from "./admission.ts";
import { verifyZip215 } from "./crypto.ts";
import { encodeTransaction, UNSIGNED } from "./transaction.ts";

const [alice, bob] = [testAccount(1), testAccount(2)];
const transactions = Array.from({ length: 20 }, (_, nonce) => signed(alice, [transfer(bob.address, 1n)], { nonce }));
const decide = async ({ signature, message, sender }: Claim) => verifyZip215(signature, message, sender);
const forged = (encoded: Uint8Array) => encoded.with(encoded.length - 1, encoded.at(-1)! ^ 1);
const refusalOf = (work: Promise<unknown>): Promise<InputError> =>
  work.then(
    () => expect.unreachable(),
    (error) => error,
  );
const unsigned = ({ transaction }: (typeof transactions)[number]) =>
  encodeTransaction({ ...transaction, signature: UNSIGNED });

test("a sender's transactions leave in the order in which they came, whatever each takes", async () => {
  const admission = new Admission(decide);
  const left: number[] = [];
  const works = transactions.map(({ encoded }, index) =>
    admission.run(encoded, index % 3 === 0, async (entry) => {
      // The first take longest.
      for (let turn = index; turn < transactions.length; turn++) await new Promise(setImmediate);
      left.push(entry.transaction.body.nonce);
      return index;
    }),
  );
  expect(await Promise.all(works)).toEqual(transactions.map((_, index) => index));
  expect(left).toEqual(transactions.map((_, index) => index));
});

test.each([
  ["alone", false],
  ["among others", true],
])("what the sender did not sign is refused %s, and holds up nobody", async (_, isBusy) => {
  const admission = new Admission(decide);
  const admit = () => "admitted";
  const bad = codeOfWork(admission.run(forged(transactions[0]!.encoded), isBusy, admit));
  const good = admission.run(transactions[1]!.encoded, isBusy, admit);
  const short = codeOfWork(admission.run(Uint8Array.of(1), isBusy, admit));
  expect([await bad, await good, await short]).toEqual(["bad_signature", "admitted", "borsh_truncated"]);
});

test("nobody waits for another sender's", async () => {
  const admission = new Admission(decide);
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const slow = admission.run(transactions[0]!.encoded, true, () => gate.then(() => "slow"));
  const other = signed(bob, [transfer(alice.address, 1n)], { nonce: 0 });
  expect(await admission.run(other.encoded, true, () => "other")).toBe("other");
  open();
  expect(await slow).toBe("slow");
});

test("only what OpenSSL does not take is decided elsewhere", async () => {
  const asked = vi.fn(decide);
  const admission = new Admission(asked);
  await admission.run(transactions[0]!.encoded, false, () => {});
  await admission.run(transactions[1]!.encoded, true, () => {});
  expect(asked).not.toHaveBeenCalled();
  const bad = forged(transactions[2]!.encoded);
  expect(await codeOfWork(admission.run(bad, true, () => {}))).toBe("bad_signature");
  expect(asked).toHaveBeenCalledOnce();
});

test("one that is not admitted holds up nobody behind it", async () => {
  const admission = new Admission(decide);
  const refused = codeOfWork(
    admission.run(transactions[0]!.encoded, false, async () => {
      throw new InputError("mempool_full", "there is no room");
    }),
  );
  const next = admission.run(transactions[1]!.encoded, false, () => "admitted");
  expect([await refused, await next]).toEqual(["mempool_full", "admitted"]);
});

describe("an unsigned transaction", () => {
  const isAlice = (sender: Uint8Array) => equalBytes(sender, alice.address);
  const byBob = signed(bob, [transfer(alice.address, 1n)], { nonce: 0 });

  test("is taken of an impersonated sender without any verification, in its turn", async () => {
    const asked = vi.fn(decide);
    const admission = new Admission(asked, isAlice);
    const left: number[] = [];
    const run = async (encoded: Uint8Array) =>
      admission.run(encoded, true, ({ transaction }) => left.push(transaction.body.nonce));
    await Promise.all(transactions.map((entry, index) => run(index % 2 === 0 ? entry.encoded : unsigned(entry))));
    expect(left).toEqual(transactions.map((_, index) => index));
    expect(asked).not.toHaveBeenCalled();
  });

  test("is refused of everybody else, with the way to have it taken", async () => {
    const admission = new Admission(decide, isAlice);
    const refusal = await refusalOf(admission.run(unsigned(byBob), false, () => {}));
    expect([refusal.code, refusal.hint]).toEqual(["bad_signature", expect.stringContaining("dev_impersonate")]);
  });

  test("is refused where nobody can be impersonated, without a word of it", async () => {
    const refusal = await refusalOf(new Admission(decide).run(unsigned(transactions[0]!), false, () => {}));
    expect([refusal.code, refusal.hint]).toEqual(["bad_signature", expect.not.stringContaining("impersonate")]);
  });

  test("of a key of small order, the zero address's above all, is refused even where everybody is impersonated", async () => {
    const admission = new Admission(decide, () => true);
    for (const address of smallOrderKeys) {
      const { transaction } = transactions[0]!;
      const encoded = encodeTransaction({ body: { ...transaction.body, sender: address }, signature: UNSIGNED });
      expect(await codeOfWork(admission.run(encoded, false, () => {}))).toBe("sender_invalid");
    }
  });
});

test("a signature of an impersonated sender is verified as ever", async () => {
  const admission = new Admission(decide, () => true);
  expect(await admission.run(transactions[0]!.encoded, false, () => "admitted")).toBe("admitted");
  expect(await codeOfWork(admission.run(forged(transactions[1]!.encoded), false, () => {}))).toBe("bad_signature");
});
