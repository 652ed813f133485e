/** What the official test suite brought to light, as cases that need no suite. */
import { expect, test } from "vitest";
import { codeOf } from "../test/support/refusals.ts";
import { ByteWriter } from "./byte-writer.ts";
import { decodeModule } from "./decode.ts";

function withLimits(section: number, ...limits: number[]): Uint8Array {
  const out = new ByteWriter().u8(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);
  out.section(section, (content) => content.u8(1, ...(section === 4 ? [0x70] : []), ...limits));
  return out.view().slice();
}

// binary.wast, "malformed table limits flag": a flag byte with unknown bits said something about memory64 or threads before.
for (const [what, section] of [
  ["table", 4],
  ["memory", 5],
] as const) {
  for (const flags of [0x08, 0x0a, 0x0c, 0x10, 0x7f, 0x81, 0x82, 0x84, 0xff]) {
    test(`${what} limits with the flags ${flags} are malformed, whatever their lower bits would mean`, () => {
      expect(codeOf(() => decodeModule(withLimits(section, flags, 0, 0)))).toBe("malformed_limits");
    });
  }

  test(`${what} limits with known flags keep the code of the feature`, () => {
    expect(codeOf(() => decodeModule(withLimits(section, 0x03, 0, 0)))).toBe("threads");
    expect(codeOf(() => decodeModule(withLimits(section, 0x04, 0)))).toBe("memory64");
    expect(codeOf(() => decodeModule(withLimits(section, 0x01, 0, 0)))).toBe("accepted");
  });
}
