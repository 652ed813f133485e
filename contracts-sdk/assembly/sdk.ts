/*
 * Everything a contract imports: `import { ... } from "lockstep/sdk"`. The decorators need no import;
 * `editor.d.ts` says what they mean, and says all of this again for editors.
 */
export { Address, Hash } from "./address";
export {
  balanceOf,
  callContract,
  CallResult,
  CallStatus,
  codeHashOf,
  ContractClient,
  createContract,
  transfer,
  tryCreateContract,
  tryUpgrade,
  upgrade,
  viewContract,
} from "./calls";
export { decode, encode } from "./codec";
export { Context, debugLog, emit, randomBytes, require, revert } from "./contract";
export {
  blake3,
  Bls12381,
  ed25519Verify,
  keccak256,
  p256Verify,
  ripemd160,
  secp256k1Recover,
  secp256k1Verify,
  sha256,
} from "./crypto";
export { OrderedU64 } from "./ordered";
export { MapEntry, StorageMap } from "./storage";
export { u128 } from "./u128";
