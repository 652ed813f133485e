import fc from "fast-check";
import { expect, test } from "vitest";
import { compareBytes } from "../../vm/borsh.ts";
import { scanStorage, storageKey } from "./account.ts";
import { Journal } from "./journal.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** Addresses that are neighbours, with the ends of the range and a carry among them. */
const addresses = ["0000", "0001", "00fe", "00ff", "0100", "7fff", "8000", "feff", "ff00", "ffff"].map((end) => {
  const address = new Uint8Array(32).fill(end === "ffff" ? 0xff : 0);
  address.set(Buffer.from(end, "hex"), 32 - end.length / 2);
  return address;
});

test("a contract's scan holds its own entries and nobody else's, under its own keys", () => {
  const keyArb = fc
    .array(fc.constantFrom(0x00, 0x7f, 0xff), { minLength: 1, maxLength: 3 })
    .map((key) => Uint8Array.from(key));
  const boundArb = fc.oneof(keyArb, fc.constant(new Uint8Array()));
  const rangeArb = fc.record({ start: boundArb, end: fc.option(boundArb), reverse: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(...addresses), keyArb), { maxLength: 60 }),
      rangeArb,
      (written, range) => {
        const state = new Journal({ get: () => undefined, scan: () => [].values() });
        for (const [address, key] of written) state.set(storageKey(address, key), address);
        // Keys before and behind all storage.
        for (const prefix of ["a", "c", "t"])
          state.set(new Uint8Array(40).fill(prefix.charCodeAt(0)), new Uint8Array());
        for (const address of addresses) {
          const own = written.filter(([owner]) => owner === address).map(([, key]) => key);
          const expected = [...new Map(own.map((key) => [hex(key), key])).values()]
            .sort(compareBytes)
            .filter((key) => compareBytes(range.start, key) <= 0)
            .filter((key) => range.end === null || compareBytes(key, range.end) < 0)
            .map((key) => ({ key, value: address }));
          if (range.reverse) expected.reverse();
          expect([...scanStorage(state, address, range)]).toEqual(expected);
        }
      },
    ),
    { numRuns: 200 },
  );
});
