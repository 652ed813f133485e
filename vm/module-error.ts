/**
 * A Wasm module that is no contract, and where.
 *
 * `code` is stable; `offset` counts bytes from the start of the module. Inside a function body the error also names the
 * function's index (imports counted), its name where the name section has one, and the opcode.
 */
import { InputError } from "./errors.ts";

export interface ModulePosition {
  readonly functionIndex?: number;
  readonly functionName?: string;
  readonly opcode?: string;
}

export class ModuleError extends InputError {
  override readonly name = "ModuleError";
  readonly offset: number;
  readonly functionIndex?: number;
  readonly functionName?: string;
  readonly opcode?: string;
  /** What is wrong, without the position. */
  readonly problem: string;

  constructor(code: string, problem: string, offset: number, position: ModulePosition = {}, hint?: string) {
    const { functionIndex, functionName, opcode } = position;
    const where = [`byte ${offset}`];
    if (functionIndex !== undefined) {
      where.push(`function ${functionIndex}${functionName === undefined ? "" : ` (${functionName})`}`);
    }
    if (opcode !== undefined) where.push(`opcode ${opcode}`);
    super(code, `${problem} [${where.join(", ")}]`, {
      details: { offset, ...position },
      ...(hint === undefined ? {} : { hint }),
    });
    this.problem = problem;
    this.offset = offset;
    if (functionIndex !== undefined) this.functionIndex = functionIndex;
    if (functionName !== undefined) this.functionName = functionName;
    if (opcode !== undefined) this.opcode = opcode;
  }

  /** The same error with more facts for programs. */
  with(details: Readonly<Record<string, unknown>>): ModuleError {
    const { functionIndex, functionName, opcode } = this;
    const error = new ModuleError(this.code, this.problem, this.offset, {}, this.hint);
    return Object.assign(error, {
      message: this.message,
      details: { ...this.details, ...details },
      ...(functionIndex === undefined ? {} : { functionIndex }),
      ...(functionName === undefined ? {} : { functionName }),
      ...(opcode === undefined ? {} : { opcode }),
    });
  }

  /** The same error with a more precise position. */
  at(position: ModulePosition): ModuleError {
    const { functionIndex, functionName, opcode } = this;
    const known = {
      ...(functionIndex === undefined ? {} : { functionIndex }),
      ...(functionName === undefined ? {} : { functionName }),
      ...(opcode === undefined ? {} : { opcode }),
    };
    return new ModuleError(this.code, this.problem, this.offset, { ...position, ...known }, this.hint);
  }
}
