/** Law: hostile input ends as written down, at the gas written down, on both engines. */
import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { prepareContract } from "../../vm/contract.ts";
import { decodeModule } from "../../vm/decode.ts";
import { Fault } from "../../vm/errors.ts";
import { compile } from "../../vm/jit.ts";
import { type Engine, interpreterEngine, jitEngine } from "../fuzz/differential.ts";
import { codeOf } from "../support/refusals.ts";
import { wat } from "../support/wat.ts";
import { catalogue, rejections, runs } from "./cases.ts";

const ownTests = [28, 34, 60];

test("each of the 62 cases is held somewhere, or not there to hold", () => {
  expect(catalogue.map(([number]) => number)).toEqual(Array.from({ length: 62 }, (_, i) => i + 1));
  const held = new Set([...rejections, ...runs].map(({ number }) => number).concat(ownTests));
  for (const [number, what, where] of catalogue) {
    if (where === "here") expect(held, `${number}: ${what}`).toContain(number);
    else if (!where.startsWith("not there: ")) expect(existsSync(where), `${number}: ${where}`).toBe(true);
  }
});

describe("refused at upload", () => {
  for (const { number, name, code, module } of rejections) {
    test(`${number}: ${code}: ${name}`, () => expect(codeOf(() => prepareContract(module()))).toBe(code));
  }
});

function observe(engine: Engine, gasLimit: number, readOnly = false) {
  const { stackHeightMax, ...observation } = engine({ gasLimit, input: new Uint8Array(), readOnly });
  // Of a halt by the stack, engines may differ in whether they entered the frame that did not fit.
  return { ...observation, stackHeightMax: observation.result.outcome.kind === "halt" ? null : stackHeightMax };
}

describe("runs the same on both engines", () => {
  for (const { number, name, module, end, gas, readOnly, keys } of runs) {
    test(`${number}: ${end}: ${name}`, () => {
      const code = module();
      const [jit, interpreter] = [jitEngine(code), interpreterEngine(code)];
      const at = (gasLimit: number) => {
        const seen = observe(jit, gasLimit, readOnly);
        expect(observe(interpreter, gasLimit, readOnly)).toEqual(seen);
        return seen;
      };
      const halted = (reason: string, gasLimit: number) => ({ outcome: { kind: "halt", reason }, gasUsed: gasLimit });

      const exact = at(gas);
      if (end === "success") expect(exact.result).toMatchObject({ outcome: { kind: "success" }, gasUsed: gas });
      else expect(exact.result).toEqual(halted(end, gas));
      if (keys !== undefined) expect(exact.storage.map(([key]) => key)).toEqual(keys);

      // 28: one less is not enough, and the largest limit there is changes nothing.
      expect(at(gas - 1).result).toEqual(halted("OutOfGas", gas - 1));
      if (end === "OutOfGas") return;
      const most = at(Number.MAX_SAFE_INTEGER);
      if (end === "success") expect(most).toEqual(exact);
      else expect(most.result).toEqual(halted(end, Number.MAX_SAFE_INTEGER));
    });
  }
});

test("34: where the native stack is too short for the logical one, there is no receipt", () => {
  const code = wat('(module (func $f call $f) (func (export "run") call $f))');
  const engine = jitEngine(code);
  const receipt = observe(engine, 1_000_000).result;
  expect(receipt.outcome).toEqual({ kind: "halt", reason: "StackOverflow" });
  let faults = 0;
  let receipts = 0;
  const dive = (): void => {
    try {
      dive();
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError);
    }
    if (receipts > 0) return;
    // On the way up the stack gets roomier with every frame.
    try {
      expect(observe(engine, 1_000_000).result).toEqual(receipt);
      receipts++;
    } catch (error) {
      if (!(error instanceof Fault || error instanceof RangeError)) throw error;
      faults++;
    }
  };
  dive();
  expect(faults).toBeGreaterThan(100);
  expect(receipts).toBe(1);
});

test("60: a module that only the engine refuses is a fault", () => {
  const module = decodeModule(wat('(module (func (export "run")))'));
  expect(() => compile(module, Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 77))).toThrow(Fault);
});
