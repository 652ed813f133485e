/**
 * Walks the instructions of a function body in place (core spec, section 5.4), one `next` at a time, with its immediates
 * in plain fields. Validator, metering and instrumentation share it, so they agree on where each instruction starts.
 */
import { ByteReader } from "./byte-reader.ts";
import { featureText, type Opcode, opcodeOf, PREFIX_BULK } from "./opcodes.ts";
import { BR_TABLE_SIZE_MAX } from "./profile.ts";

export class InstructionReader {
  readonly reader: ByteReader;
  /** Where the current instruction starts. */
  offset = 0;
  opcode: Opcode | undefined;
  /** First immediate: index, label, block type, i32 constant, alignment exponent. */
  a = 0;
  /** Second immediate: table or memory index, memory offset. */
  b = 0;
  /** The constant of `i64.const`. */
  wide = 0n;
  /** Targets of `br_table`, the default last. */
  labels: number[] = [];

  constructor(bytes: Uint8Array, start: number, end: number, { allowsFloats = false } = {}) {
    this.reader = new ByteReader(bytes, start, end);
    this.reader.allowsFloats = allowsFloats;
  }

  get done(): boolean {
    return this.reader.done;
  }

  /** Where the instruction after the current one starts. */
  get nextOffset(): number {
    return this.reader.offset;
  }

  /** Reads one instruction. Opcodes outside the profile stop with the code of the feature they belong to. */
  next(): Opcode {
    const { reader } = this;
    this.offset = reader.offset;
    let code = reader.u8();
    if (code === PREFIX_BULK) {
      const second = reader.u32();
      code = second < 0x100 ? 0xfc00 + second : -1;
    }
    const opcode = code === -1 ? undefined : opcodeOf(code);
    this.opcode = opcode;
    if (opcode === undefined) return reader.fail("unknown_opcode", "unknown opcode", this.offset);
    const { feature } = opcode;
    if (feature !== undefined && !(feature === "float" && reader.allowsFloats)) {
      reader.fail(feature, featureText[feature], this.offset);
    }
    this.#immediates(opcode);
    return opcode;
  }

  #immediates(opcode: Opcode): void {
    const { reader } = this;
    switch (opcode.immediate) {
      case "none":
        return;
      case "blockType":
        this.a = reader.s33();
        return;
      case "label":
      case "function":
      case "local":
      case "global":
      case "data":
      case "element":
        this.a = reader.u32();
        return;
      case "memory":
        this.a = this.#zeroByte();
        return;
      case "labels": {
        const count = reader.u32();
        if (count > BR_TABLE_SIZE_MAX) {
          reader.fail("limit_br_table", `br_table of ${count} targets, at most ${BR_TABLE_SIZE_MAX}`, this.offset);
        }
        this.labels = [];
        for (let i = 0; i <= count; i++) this.labels.push(reader.u32());
        return;
      }
      case "typeAndTable":
      case "elementAndTable":
      case "tables":
        this.a = reader.u32();
        this.b = reader.u32();
        return;
      case "types":
        // A typed select names exactly one type; the validator reads it.
        if (reader.u32() !== 1) reader.fail("select_arity", "select of other than one type", this.offset);
        this.a = reader.u8();
        return;
      case "memarg":
        this.a = reader.u32();
        // Bit 6 announces a memory index.
        if (this.a >= 64 && this.a < 128) reader.fail("multi_memory", "a contract has one memory", this.offset);
        this.b = reader.u32();
        return;
      case "i32":
        this.a = reader.s32();
        return;
      case "i64":
        this.wide = reader.s64();
        return;
      case "f32":
        reader.slice(4);
        return;
      case "f64":
        reader.slice(8);
        return;
      case "dataAndMemory":
        this.a = reader.u32();
        this.b = this.#zeroByte();
        return;
      case "memories":
        this.a = this.#zeroByte();
        this.b = this.#zeroByte();
        return;
    }
  }

  #zeroByte(): number {
    const byte = this.reader.u8();
    if (byte !== 0) this.reader.fail("multi_memory", "a contract has one memory, index 0", this.offset);
    return byte;
  }
}
