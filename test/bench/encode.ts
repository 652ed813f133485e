/**
 * Writes a decoded module back as bytes, with additions: what an injector of another kind needs, and what makes two copies
 * of a module that the engine cannot take for the same one. Complete for the modules of this bench, not for all of profile 1.
 */
import { ByteWriter } from "../../vm/byte-writer.ts";
import { assert } from "../../vm/errors.ts";
import { type FunctionImport, type FunctionType, type Global, type Module, valueType } from "../../vm/module.ts";
import { op } from "../../vm/opcodes.ts";

export interface Additions {
  /** A function that the host gives, under the index 0: all others move up by one. */
  readonly import?: { readonly module: string; readonly name: string; readonly type: FunctionType };
  /** Behind the module's own. */
  readonly global?: Global;
  /** Bodies without their size, for `functions`; by default the module's own. */
  readonly bodies?: readonly Uint8Array[];
  /** Type indices of the defined functions; by default the module's own. */
  readonly functions?: readonly number[];
}

const limits = (out: ByteWriter, { min, max }: { min: number; max: number | null }) => {
  out.u8(max === null ? 0 : 1).u32(min);
  if (max !== null) out.u32(max);
};

export function encodeModule(module: Module, additions: Additions): Uint8Array {
  const { import: hostFunction, global } = additions;
  const shift = hostFunction === undefined ? 0 : 1;
  const bodies = additions.bodies ?? module.bodies.map((_, i) => bodyOf(module, i));
  const globals = global === undefined ? module.globals : [...module.globals, global];
  const types = hostFunction === undefined ? module.types : [...module.types, hostFunction.type];

  const out = new ByteWriter().u8(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);
  out.section(1, (content) => {
    content.list(types, ({ params, results }) => {
      content
        .u8(0x60)
        .list(params, (type) => content.u8(type))
        .list(results, (type) => content.u8(type));
    });
  });
  const imports: FunctionImport[] = [...module.imports];
  if (hostFunction !== undefined) imports.unshift({ ...hostFunction, typeIndex: types.length - 1, offset: 0 });
  if (imports.length > 0) {
    out.section(2, (content) => {
      content.list(imports, ({ module: from, name, typeIndex }) => content.name(from).name(name).u8(0).u32(typeIndex));
    });
  }
  out.section(3, (content) => content.list(additions.functions ?? module.functions, (type) => content.u32(type)));
  const { table, memory } = module;
  if (table !== null) out.section(4, (content) => limits(content.u8(1, 0x70), table));
  if (memory !== null) out.section(5, (content) => limits(content.u8(1), memory));
  out.section(6, (content) => {
    content.list(globals, ({ type, mutable, value }) => {
      content.u8(type, mutable ? 1 : 0, type === valueType.i32 ? op.i32Const : op.i64Const);
      content.signed(value).u8(op.end);
    });
  });
  out.section(7, (content) => {
    content.list(module.exports, ({ name, kind, index }) => {
      const kindByte = ["function", "table", "memory", "global"].indexOf(kind);
      content
        .name(name)
        .u8(kindByte)
        .u32(kind === "function" ? index + shift : index);
    });
  });
  if (module.elements.length > 0) {
    out.section(9, (content) => {
      content.list(module.elements, ({ mode, tableOffset, functions }) => {
        assert(mode === "active", `an element segment that is ${mode}`);
        content
          .u8(0, op.i32Const)
          .signed(tableOffset | 0)
          .u8(op.end);
        content.list(functions, (index) => content.u32(index! + shift));
      });
    });
  }
  if (module.hasDataCount) out.section(12, (content) => content.u32(module.data.length));
  out.section(10, (content) => {
    content.list(bodies, (body) => content.u32(body.length).bytes(body));
  });
  if (module.data.length > 0) {
    out.section(11, (content) => {
      content.list(module.data, ({ mode, memoryOffset, bytes }) => {
        assert(mode === "active", `a data segment that is ${mode}`);
        content
          .u8(0, op.i32Const)
          .signed(memoryOffset | 0)
          .u8(op.end);
        content.u32(bytes.length).bytes(bytes);
      });
    });
  }
  for (const { name, bytes } of module.customs) out.section(0, (content) => content.name(name).bytes(bytes));
  return out.view().slice();
}

/** The body of function `index` as it stands in the module: locals and instructions. */
export function bodyOf(module: Module, index: number): Uint8Array {
  const { locals, start, end } = module.bodies[index]!;
  const out = new ByteWriter();
  out.list(locals, ({ count, type }) => out.u32(count).u8(type));
  return out.bytes(module.bytes.subarray(start, end)).view().slice();
}
