/**
 * The two ways in which others meter WebAssembly, for comparison. Both pay for the same metered blocks as ours do, so that
 * only the way of paying differs:
 *
 *   global counter   every block subtracts from a mutable global and compares      (Wasmer's middleware, Polkadot)
 *   host call        every block calls an imported function with its gas           (the older pwasm-utils, NEAR)
 */
import { ByteWriter } from "../../vm/byte-writer.ts";
import { InstructionReader } from "../../vm/instruction-reader.ts";
import { meteredBlocks } from "../../vm/metering/blocks.ts";
import { type FunctionBody, type Module, valueType } from "../../vm/module.ts";
import { op } from "../../vm/opcodes.ts";
import { encodeModule } from "./encode.ts";

/** What the instance of a host call module must be given. */
export const chargeImport = { module: "meter", name: "charge" } as const;

const { i32, i64 } = valueType;
/** Never reached: the counter is there to be paid from. */
const GAS_LIMIT = 2n ** 62n;

export function injectGlobalCounter(module: Module): Uint8Array {
  const counter = module.globals.length;
  const bodies = module.bodies.map((body) =>
    rewriteBody(module, body, 0, (out, gas) => {
      out.u8(op.globalGet).u32(counter).u8(op.i64Const).signed(gas).u8(op.i64LtS, op.if, 0x40, op.unreachable, op.end);
      out.u8(op.globalGet).u32(counter).u8(op.i64Const).signed(gas).u8(op.i64Sub, op.globalSet).u32(counter);
    }),
  );
  return encodeModule(module, { bodies, global: { type: i64, mutable: true, value: GAS_LIMIT } });
}

export function injectHostCalls(module: Module): Uint8Array {
  const bodies = module.bodies.map((body) =>
    rewriteBody(module, body, 1, (out, gas) => {
      out.u8(op.i32Const).signed(gas).u8(op.call).u32(0);
    }),
  );
  return encodeModule(module, { bodies, import: { ...chargeImport, type: { params: [i32], results: [] } } });
}

function rewriteBody(
  module: Module,
  body: FunctionBody,
  functionShift: number,
  writeCharge: (out: ByteWriter, gas: number) => void,
): Uint8Array {
  const out = new ByteWriter();
  out.list(body.locals, ({ count, type }) => out.u32(count).u8(type));
  const blocks = meteredBlocks(module, body);
  let next = 0;
  const reader = new InstructionReader(module.bytes, body.start, body.end);
  while (!reader.done) {
    const { code } = reader.next();
    for (; blocks[next]?.start === reader.offset; next++) {
      const { gas } = blocks[next]!;
      if (gas > 0) writeCharge(out, gas);
    }
    if (code === op.call) out.u8(op.call).u32(reader.a + functionShift);
    else out.bytes(module.bytes.subarray(reader.offset, reader.nextOffset));
  }
  return out.view().slice();
}
