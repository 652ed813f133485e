/*
 * Everything a contract imports: `import { ... } from "lockstep/sdk"`. The decorators need no import;
 * `editor.d.ts` says what they mean, and says all of this again for editors.
 */
export { Address, Hash } from "./address";
export { Context, debugLog, emit, require, revert, sha256 } from "./contract";
export { StorageMap } from "./storage";
export { u128 } from "./u128";
