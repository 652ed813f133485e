/** Text to bytes for tests: wabt's assembler, with every feature on so that tests can also build what profile 1 refuses. */
import loadWabt from "wabt";

const wabt = await loadWabt();

/** Everything the assembler knows, so that what profile 1 refuses can be built. */
export const features = {
  exceptions: true,
  mutable_globals: true,
  sat_float_to_int: true,
  sign_extension: true,
  simd: true,
  threads: true,
  multi_value: true,
  tail_call: true,
  bulk_memory: true,
  reference_types: true,
  memory64: true,
  multi_memory: true,
  extended_const: true,
};

/** As bytes, because wabt cuts the characters of a string to one byte each. `names` keeps the function names in a name section. `check: false` lets invalid modules through. */
export function wat(text: string, { names = false, check = true } = {}): Uint8Array {
  const module = wabt.parseWat("test.wat", new TextEncoder().encode(text), features);
  try {
    if (check) module.validate();
    return Uint8Array.from(module.toBinary({ write_debug_names: names }).buffer);
  } finally {
    module.destroy();
  }
}

export function toWat(bytes: Uint8Array): string {
  const module = wabt.readWasm(bytes, { ...features, readDebugNames: false } as never);
  try {
    return module.toText({ foldExprs: false, inlineExport: false });
  } finally {
    module.destroy();
  }
}
