/**
 * The part of the WebAssembly JavaScript Interface (https://www.w3.org/TR/wasm-js-api/) that the `jit` engine uses. Declared
 * here because neither the ES library nor Node's types have it, and the DOM library would let a clock into `vm/`.
 */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
    static customSections(module: Module, name: string): ArrayBuffer[];
  }
  class Instance {
    constructor(module: Module, imports?: Record<string, Record<string, unknown>>);
    readonly exports: Record<string, unknown>;
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number });
    readonly buffer: ArrayBuffer;
  }
  class Global {
    value: unknown;
  }
  class RuntimeError extends Error {}
}
