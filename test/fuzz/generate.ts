/**
 * Random contracts: valid modules inside profile 1, out of a seed. They reach for everything an engine can get wrong: every
 * integer opcode, structured control with values, calls of all kinds, tables, memory and bulk operations, globals, host
 * functions, and now and then a trap.
 *
 * Law: every module validates, and every call of `run` ends: loop headers and function entries burn fuel out of a global and
 * leave the function when there is none.
 */
import { ByteWriter } from "../../vm/byte-writer.ts";
import { hostFunctions } from "../../vm/host-fns/table.ts";
import { op, opcodes } from "../../vm/opcodes.ts";
import { createRandom } from "../support/programs.ts";

const I32 = 0x7f;
const I64 = 0x7e;
type Type = typeof I32 | typeof I64;

interface FunctionType {
  readonly params: readonly Type[];
  readonly results: readonly Type[];
}

const numeric = opcodes.filter(
  ({ feature, immediate, signature, code }) =>
    feature === undefined && immediate === "none" && signature !== undefined && code >= 0x45,
);
const accesses = opcodes.filter(({ immediate, feature }) => immediate === "memarg" && feature === undefined);
const typeOf = (letter: string): Type => (letter === "i" ? I32 : I64);

/** Division and remainder: the operators that trap. */
const isDivision = (code: number) => (code >= 0x6d && code <= 0x70) || (code >= 0x7f && code <= 0x82);

const hosts = [...hostFunctions.values()];
const MEMORY_MASK = 0x3ff8;
const TABLE_SIZE = 8;
const FUEL_GLOBAL = 0;
const GLOBAL_COUNT = 5;
const globalTypes: readonly Type[] = [I32, I32, I64, I32, I64];
const FUEL = 200;

export function createModule(seed: number): Uint8Array {
  return new ModuleGenerator(createRandom(seed)).module();
}

class ModuleGenerator {
  readonly #random: (below: number) => number;
  readonly #types: FunctionType[] = [];
  /** Type index of each defined function; the last is `run`. */
  readonly #functions: number[] = [];

  constructor(random: (below: number) => number) {
    this.#random = random;
  }

  module(): Uint8Array {
    const random = this.#random;
    const pickTypes = (max: number) => Array.from({ length: random(max + 1) }, () => (random(2) === 0 ? I32 : I64));
    const hostTypes = hosts.map(({ params, result }) =>
      this.typeIndex({
        params: params.map((param) => (param === "i32" ? I32 : I64)),
        results: result === null ? [] : [result === "i32" ? I32 : I64],
      }),
    );
    for (let i = 2 + random(4); i > 0; i--) {
      this.#functions.push(this.typeIndex({ params: pickTypes(4), results: pickTypes(3) }));
    }
    const run = this.typeIndex({ params: [], results: [] });
    this.#functions.push(run);
    const bodies = this.#functions.map((typeIndex) => new BodyGenerator(this, random, this.#types[typeIndex]!).body());

    const out = new ByteWriter().u8(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);
    out.section(1, (section) => {
      section.list(this.#types, ({ params, results }) => {
        section.u8(0x60).list(params, (type) => section.u8(type));
        section.list(results, (type) => section.u8(type));
      });
    });
    out.section(2, (section) => {
      section.u32(hosts.length);
      for (const [i, { name }] of hosts.entries()) section.name("lockstep").name(name).u8(0).u32(hostTypes[i]!);
    });
    out.section(3, (section) => section.list(this.#functions, (type) => section.u32(type)));
    out.section(4, (section) => section.u32(1).u8(0x70, 1).u32(TABLE_SIZE).u32(TABLE_SIZE));
    out.section(5, (section) => section.u32(1).u8(1).u32(1).u32(3));
    out.section(6, (section) => {
      section.u32(GLOBAL_COUNT);
      for (const [i, type] of globalTypes.entries()) {
        section.u8(type, 1, type === I32 ? op.i32Const : op.i64Const);
        section.signed(i === FUEL_GLOBAL ? FUEL : random(1000) - 500).u8(op.end);
      }
    });
    out.section(7, (section) =>
      section
        .u32(1)
        .name("run")
        .u8(0)
        .u32(this.functionIndex(this.#functions.length - 1)),
    );
    const slot = () => this.functionIndex(random(this.#functions.length));
    out.section(9, (section) => {
      section.u32(2);
      // Active, from slot 1, with an empty slot among them; then passive.
      section.u32(4).u8(op.i32Const, 1, op.end).u32(5);
      for (let i = 0; i < 5; i++) {
        if (random(4) === 0) section.u8(op.refNull, 0x70, op.end);
        else section.u8(op.refFunc).u32(slot()).u8(op.end);
      }
      section.u32(1).u8(0).u32(3);
      for (let i = 0; i < 3; i++) section.u32(slot());
    });
    out.section(12, (section) => section.u32(2));
    out.section(10, (section) => {
      section.u32(bodies.length);
      for (const body of bodies) section.sized((content) => content.bytes(body));
    });
    const noise = Array.from({ length: 40 }, () => random(256));
    out.section(11, (section) => {
      section.u32(2);
      section
        .u8(0, op.i32Const, 16, op.end)
        .u32(noise.length)
        .u8(...noise);
      section
        .u8(1)
        .u32(20)
        .u8(...noise.slice(0, 20));
    });
    return out.view().slice();
  }

  typeIndex(type: FunctionType): number {
    const same = (a: readonly Type[], b: readonly Type[]) =>
      a.length === b.length && a.every((item, i) => item === b[i]);
    const known = this.#types.findIndex(
      ({ params, results }) => same(params, type.params) && same(results, type.results),
    );
    return known >= 0 ? known : this.#types.push(type) - 1;
  }

  functionIndex(defined: number): number {
    return hosts.length + defined;
  }

  /** A defined function but `run`, with its type. */
  pickFunction(): { index: number; type: FunctionType; typeIndex: number } {
    const defined = this.#random(this.#functions.length - 1 || 1);
    const typeIndex = this.#functions[defined]!;
    return { index: this.functionIndex(defined), type: this.#types[typeIndex]!, typeIndex };
  }
}

interface Label {
  /** What a branch here carries. */
  readonly types: readonly Type[];
}

const EDGES: readonly bigint[] = [
  0n, 1n, -1n, 2n, 7n, 31n, 32n, 33n, 63n, 64n, 255n, -128n, 32767n, 65536n, 0x7fffffffn, -0x80000000n,
]; // biome-ignore format: a row of numbers
const WIDE_EDGES: readonly bigint[] = [...EDGES, 0x7fffffffffffffffn, -0x8000000000000000n, 0x100000000n, 0xffffffffn];

/** Instructions of one body may become this many before it only closes what is open. */
const BUDGET = 120;
const DEPTH_MAX = 5;

class BodyGenerator {
  readonly #module: ModuleGenerator;
  readonly #random: (below: number) => number;
  readonly #type: FunctionType;
  readonly #locals: Type[];
  readonly #extra: Type[];
  readonly #out = new ByteWriter();
  readonly #labels: Label[];
  #budget = BUDGET;

  constructor(module: ModuleGenerator, random: (below: number) => number, type: FunctionType) {
    this.#module = module;
    this.#random = random;
    this.#type = type;
    this.#extra = Array.from({ length: 1 + random(4) }, () => (random(2) === 0 ? I32 : I64));
    this.#locals = [...type.params, ...this.#extra];
    this.#labels = [{ types: type.results }];
  }

  body(): Uint8Array {
    const locals = new ByteWriter().u32(this.#extra.length);
    for (const type of this.#extra) locals.u32(1).u8(type);
    this.#burnFuel();
    this.#statements(0);
    for (const type of this.#type.results) this.#value(type, 0);
    this.#out.u8(op.end);
    return new ByteWriter().bytes(locals.view()).bytes(this.#out.view()).view().slice();
  }

  /** Leaves the function, with zeros for results, when there is no fuel. */
  #burnFuel(): void {
    const out = this.#out;
    out.u8(op.globalGet, FUEL_GLOBAL, 0x45, op.if, 0x40);
    for (const type of this.#type.results) out.u8(type === I32 ? op.i32Const : op.i64Const, 0);
    out.u8(op.return, op.end);
    out.u8(op.globalGet, FUEL_GLOBAL, op.i32Const, 1, op.i32Sub, op.globalSet, FUEL_GLOBAL);
  }

  #chance(oneIn: number): boolean {
    return this.#random(oneIn) === 0;
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#random(items.length)]!;
  }

  #constant(type: Type): void {
    const value = this.#chance(3) ? BigInt(this.#random(200) - 100) : this.#pick(type === I32 ? EDGES : WIDE_EDGES);
    this.#out.u8(type === I32 ? op.i32Const : op.i64Const).signed(BigInt.asIntN(type === I32 ? 32 : 64, value));
  }

  /** An address: nearly always inside memory, now and then anywhere. */
  #address(depth: number): void {
    this.#value(I32, depth + 1);
    if (!this.#chance(60)) this.#out.u8(op.i32Const).signed(MEMORY_MASK).u8(0x71);
  }

  /** A length: nearly always small. */
  #length(depth: number, below = 64): void {
    this.#value(I32, depth + 1);
    if (!this.#chance(60))
      this.#out
        .u8(op.i32Const)
        .signed(below - 1)
        .u8(0x71);
  }

  #values(types: readonly Type[], depth: number): void {
    for (const type of types) this.#value(type, depth + 1);
  }

  /** Code that leaves one value of `type`. */
  #value(type: Type, depth: number): void {
    const out = this.#out;
    this.#budget--;
    if (this.#budget <= 0 || depth > DEPTH_MAX) return this.#constant(type);
    switch (this.#random(14)) {
      case 0:
      case 1:
        return this.#constant(type);
      case 2:
      case 3: {
        const local = this.#localOf(type);
        if (local === undefined) return this.#constant(type);
        if (this.#chance(4)) {
          this.#value(type, depth + 1);
          out.u8(op.localTee).u32(local);
        } else {
          out.u8(op.localGet).u32(local);
        }
        return;
      }
      case 4: {
        const globals = globalTypes.flatMap((item, i) => (item === type ? [i] : []));
        out.u8(op.globalGet).u32(this.#pick(globals));
        return;
      }
      case 5:
      case 6:
      case 7:
        return this.#operator(type, depth);
      case 8: {
        const { code, align, signature } = this.#pick(
          accesses.filter((row) => row.signature!.endsWith(type === I32 ? ":i" : ":I")),
        );
        if (signature === undefined) return this.#constant(type);
        this.#address(depth);
        out
          .u8(code)
          .u32(this.#random(align! + 1))
          .u32(this.#random(8));
        return;
      }
      case 9: {
        this.#value(type, depth + 1);
        this.#value(type, depth + 1);
        this.#value(I32, depth + 1);
        if (this.#chance(2)) out.u8(op.select);
        else out.u8(op.selectTyped, 1, type);
        return;
      }
      case 10:
        return this.#blockWithValue(type, depth);
      case 11:
        return this.#callWithValue(type, depth);
      case 12:
        if (type === I32) {
          if (this.#chance(4)) {
            this.#length(depth, 4);
            out.u8(op.memoryGrow, 0);
          } else {
            out.u8(op.memorySize, 0);
          }
          return;
        }
        return this.#operator(type, depth);
      default:
        return this.#ifWithValue(type, depth);
    }
  }

  #localOf(type: Type): number | undefined {
    const candidates = this.#locals.flatMap((item, i) => (item === type ? [i] : []));
    return candidates.length === 0 ? undefined : this.#pick(candidates);
  }

  #operator(type: Type, depth: number): void {
    const { code, signature } = this.#pick(
      numeric.filter((row) => row.signature!.endsWith(type === I32 ? ":i" : ":I")),
    );
    const operands = [...signature!.slice(0, signature!.indexOf(":"))].map(typeOf);
    for (const [i, operand] of operands.entries()) {
      this.#value(operand, depth + 1);
      // A divisor is nearly always odd, so that programs live long enough to meet something else.
      if (i === 1 && isDivision(code) && !this.#chance(20)) {
        this.#out.u8(operand === I32 ? op.i32Const : op.i64Const, 1, operand === I32 ? 0x72 : 0x84);
      }
    }
    this.#out.u8(code);
  }

  #open(opcode: number, type: FunctionType, label: readonly Type[]): void {
    const out = this.#out.u8(opcode);
    if (type.params.length === 0 && type.results.length === 0) out.u8(0x40);
    else if (type.params.length === 0 && type.results.length === 1) out.u8(type.results[0]!);
    else out.signed(this.#module.typeIndex(type));
    this.#labels.push({ types: label });
  }

  #close(): void {
    this.#out.u8(op.end);
    this.#labels.pop();
  }

  #blockWithValue(type: Type, depth: number): void {
    const params = this.#chance(3) ? [this.#pick([I32, I64] as const)] : [];
    this.#values(params, depth);
    this.#open(op.block, { params, results: [type] }, [type]);
    for (const _ of params) this.#out.u8(op.drop);
    this.#statements(depth + 1);
    this.#value(type, depth + 1);
    this.#maybeBranch(depth, [type]);
    this.#close();
  }

  #ifWithValue(type: Type, depth: number): void {
    this.#value(I32, depth + 1);
    this.#open(op.if, { params: [], results: [type] }, [type]);
    this.#value(type, depth + 1);
    this.#out.u8(op.else);
    if (this.#chance(2)) this.#statements(depth + 1);
    this.#value(type, depth + 1);
    this.#close();
  }

  /** With values of `types` on the stack, perhaps a conditional branch that carries them. */
  #maybeBranch(depth: number, types: readonly Type[]): void {
    const labels = this.#labelsThatTake(types);
    if (labels.length === 0 || !this.#chance(2)) return;
    this.#value(I32, depth + 1);
    this.#out.u8(op.brIf).u32(this.#pick(labels));
  }

  #labelsThatTake(types: readonly Type[]): number[] {
    return this.#labels.flatMap((label, i) =>
      label.types.length === types.length && label.types.every((type, at) => type === types[at])
        ? [this.#labels.length - 1 - i]
        : [],
    );
  }

  /** Calls something and leaves one value of `type`, whatever the results are. */
  #callWithValue(type: Type, depth: number): void {
    const results = this.#call(depth);
    for (let i = results.length - 1; i >= 0; i--) {
      if (i === 0 && results[i] === type) return;
      this.#out.u8(op.drop);
    }
    this.#constant(type);
  }

  #call(depth: number): readonly Type[] {
    const out = this.#out;
    if (this.#chance(3)) {
      const at = this.#random(hosts.length);
      const { name, params, result } = hosts[at]!;
      // A revert ends the program, so it is rare.
      if (name !== "revert" || this.#chance(12)) {
        for (const [i, type] of params.entries()) {
          if (type === "i64") this.#value(I64, depth);
          else this.#hostArgument(name, i, depth);
        }
        out.u8(op.call).u32(at);
        return result === null ? [] : [result === "i32" ? I32 : I64];
      }
    }
    const { index, type, typeIndex } = this.#module.pickFunction();
    this.#values(type.params, depth);
    if (this.#chance(4)) {
      this.#value(I32, depth + 1);
      if (!this.#chance(30)) out.u8(op.i32Const, TABLE_SIZE - 1, 0x71);
      out.u8(op.callIndirect).u32(typeIndex).u8(0);
    } else {
      out.u8(op.call).u32(index);
    }
    return type.results;
  }

  /** Pointers and lengths that mostly make sense, so that host functions do something. */
  #hostArgument(name: string, position: number, depth: number): void {
    if (name === "emit" && position < 2 && !this.#chance(4)) {
      // A list of one topic of four bytes, at a place that only this writes.
      if (position === 0) {
        const at = 0x4000;
        this.#out.u8(op.i32Const).signed(at).u8(op.i32Const, 1, 0x36, 2, 0);
        this.#out.u8(op.i32Const).signed(at).u8(op.i32Const, 4, 0x36, 2, 4);
        this.#out.u8(op.i32Const).signed(at);
      } else {
        this.#out.u8(op.i32Const, 12);
      }
      return;
    }
    const isLength = position % 2 === 1;
    if (isLength) this.#length(depth, 32);
    else this.#address(depth);
  }

  #statements(depth: number): void {
    for (let count = 1 + this.#random(3); count > 0 && this.#budget > 0; count--) this.#statement(depth);
  }

  #statement(depth: number): void {
    const out = this.#out;
    this.#budget--;
    switch (this.#random(15)) {
      case 0:
      case 1: {
        const local = this.#random(this.#locals.length);
        this.#value(this.#locals[local]!, depth);
        out.u8(op.localSet).u32(local);
        return;
      }
      case 2: {
        const global = 1 + this.#random(GLOBAL_COUNT - 1);
        this.#value(globalTypes[global]!, depth);
        out.u8(op.globalSet).u32(global);
        return;
      }
      case 3:
      case 4: {
        const { code, align, signature } = this.#pick(accesses.filter((row) => row.signature!.endsWith(":")));
        this.#address(depth);
        this.#value(signature![1] === "i" ? I32 : I64, depth + 1);
        out
          .u8(code)
          .u32(this.#random(align! + 1))
          .u32(this.#random(8));
        return;
      }
      case 5: {
        const results = this.#call(depth);
        for (const _ of results) out.u8(op.drop);
        return;
      }
      case 6:
        if (depth > DEPTH_MAX) return;
        this.#open(op.block, { params: [], results: [] }, []);
        this.#statements(depth + 1);
        this.#close();
        return;
      case 7:
        if (depth > DEPTH_MAX) return;
        this.#open(op.loop, { params: [], results: [] }, []);
        this.#burnFuel();
        this.#statements(depth + 1);
        if (this.#chance(2)) {
          this.#value(I32, depth + 1);
          out.u8(op.brIf, 0);
        }
        this.#close();
        return;
      case 8:
        if (depth > DEPTH_MAX) return;
        this.#value(I32, depth + 1);
        this.#open(op.if, { params: [], results: [] }, []);
        this.#statements(depth + 1);
        if (this.#chance(2)) {
          out.u8(op.else);
          this.#statements(depth + 1);
        }
        this.#close();
        return;
      case 9: {
        const labels = this.#labelsThatTake([]);
        if (labels.length === 0) return;
        this.#value(I32, depth);
        out.u8(op.brIf).u32(this.#pick(labels));
        return;
      }
      case 10:
        return this.#jump(depth);
      case 11:
        return this.#bulk(depth);
      case 12:
        out.u8(op.nop);
        return;
      default: {
        const type = this.#pick([I32, I64] as const);
        this.#value(type, depth);
        out.u8(op.drop);
      }
    }
  }

  /** Leaves for good; what follows in the block is dead code, and stays valid. */
  #jump(depth: number): void {
    const out = this.#out;
    const label = this.#random(this.#labels.length);
    const { types } = this.#labels[this.#labels.length - 1 - label]!;
    switch (this.#random(8)) {
      case 0:
        this.#values(types, depth);
        out.u8(op.br).u32(label);
        return;
      case 1: {
        const labels = this.#labelsThatTake(types);
        this.#values(types, depth);
        this.#value(I32, depth + 1);
        const targets = Array.from({ length: this.#random(4) }, () => this.#pick(labels));
        out.u8(op.brTable).u32(targets.length);
        for (const target of [...targets, this.#pick(labels)]) out.u32(target);
        return;
      }
      case 2:
        this.#values(this.#type.results, depth);
        out.u8(op.return);
        return;
      case 3:
        if (this.#chance(6)) out.u8(op.unreachable);
        return;
    }
  }

  #bulk(depth: number): void {
    const out = this.#out;
    const slot = () => {
      this.#value(I32, depth + 1);
      if (!this.#chance(30)) out.u8(op.i32Const, 3, 0x71);
    };
    switch (this.#random(7)) {
      case 0:
        this.#address(depth);
        this.#value(I32, depth + 1);
        this.#length(depth);
        out.u8(0xfc, 0x0b, 0);
        return;
      case 1:
        this.#address(depth);
        this.#address(depth);
        this.#length(depth);
        out.u8(0xfc, 0x0a, 0, 0);
        return;
      case 2:
        this.#address(depth);
        this.#length(depth, 8);
        this.#length(depth, 8);
        out.u8(0xfc, 0x08, 1, 0);
        return;
      case 3:
        if (this.#chance(4)) out.u8(0xfc, 0x09, 1);
        return;
      case 4:
        slot();
        slot();
        slot();
        out.u8(0xfc, 0x0e, 0, 0);
        return;
      case 5:
        slot();
        out.u8(op.i32Const, 0);
        slot();
        out.u8(0xfc, 0x0c, 1, 0);
        return;
      default:
        if (this.#chance(4)) out.u8(0xfc, 0x0d, 1);
    }
  }
}
