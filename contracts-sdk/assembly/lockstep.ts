/*
 * The host functions: the only door out of a contract.
 *
 * asc takes the import module's name from the name of the file, so this one is called `lockstep`. Pointers and lengths
 * are unsigned. A variable-length result is copied to (out, capacity) only if it fits, and its full length is returned;
 * `last_result` fetches what did not fit.
 */
export declare function self_address(out: usize): void;
export declare function caller(out: usize): void;
export declare function signer(out: usize): void;
export declare function value(out: usize): void;
export declare function block_height(): u64;
export declare function block_time(): u64;
export declare function gas_left(): u64;
/** 32 bytes, another each time; whoever makes the block knows them before. */
export declare function random(out: usize): void;
export declare function chain_id(out: usize, capacity: usize): usize;
export declare function input(out: usize, capacity: usize): usize;
export declare function return_data(data: usize, length: usize): void;
export declare function revert(code: u32, payload: usize, length: usize): void;
export declare function last_result(out: usize, offset: usize, length: usize): void;
export declare function last_result_size(): usize;
/** The value's full length, or -1 when the key is absent. */
export declare function storage_get(key: usize, keyLength: usize, out: usize, capacity: usize): i32;
export declare function storage_set(key: usize, keyLength: usize, value: usize, valueLength: usize): void;
export declare function storage_remove(key: usize, keyLength: usize): void;
export declare function storage_has(key: usize, keyLength: usize): bool;
/** A page of entries in the order of their keys, as a borsh list; `end` is not in it, an empty one is no end. */
export declare function storage_scan(
  start: usize,
  startLength: usize,
  end: usize,
  endLength: usize,
  limit: u32,
  reverse: bool,
  out: usize,
  capacity: usize
): usize;
export declare function emit(topics: usize, topicsLength: usize, data: usize, dataLength: usize): void;
export declare function balance(address: usize, out: usize): void;
export declare function code_hash(address: usize, out: usize): bool;
/** A status, as of all that reach other accounts: 0 success, 1 revert, 2 halt, 3 refused. */
export declare function transfer(to: usize, amount: usize): u32;
export declare function call(contract: usize, method: usize, methodLength: usize, args: usize, argsLength: usize, value: usize, gas: u64): u32;
export declare function view(contract: usize, method: usize, methodLength: usize, args: usize, argsLength: usize, gas: u64): u32;
export declare function create(codeHash: usize, salt: usize, args: usize, argsLength: usize, value: usize, gas: u64, out: usize): u32;
export declare function upgrade(codeHash: usize, args: usize, argsLength: usize, gas: u64): u32;
export declare function sha256(data: usize, length: usize, out: usize): void;
export declare function keccak256(data: usize, length: usize, out: usize): void;
export declare function blake3(data: usize, length: usize, out: usize): void;
export declare function ripemd160(data: usize, length: usize, out: usize): void;
/** By ZIP-215. This and the checks below say whether it holds; what yields a point, whether there was one to write. */
export declare function ed25519_verify(message: usize, messageLength: usize, signature: usize, publicKey: usize): bool;
export declare function secp256k1_verify(hash: usize, signature: usize, publicKey: usize, publicKeyLength: usize): bool;
export declare function secp256k1_recover(hash: usize, signature: usize, recoveryId: u32, out: usize): bool;
export declare function p256_verify(hash: usize, signature: usize, publicKey: usize, publicKeyLength: usize): bool;
export declare function bls12_381_g1_add(a: usize, b: usize, out: usize): bool;
export declare function bls12_381_g2_add(a: usize, b: usize, out: usize): bool;
export declare function bls12_381_g1_mul(point: usize, scalar: usize, out: usize): bool;
export declare function bls12_381_g2_mul(point: usize, scalar: usize, out: usize): bool;
export declare function bls12_381_g1_msm(points: usize, scalars: usize, count: u32, out: usize): bool;
export declare function bls12_381_g2_msm(points: usize, scalars: usize, count: u32, out: usize): bool;
export declare function bls12_381_hash_to_g1(
  message: usize, messageLength: usize, tag: usize, tagLength: usize, out: usize
): void;
export declare function bls12_381_hash_to_g2(
  message: usize, messageLength: usize, tag: usize, tagLength: usize, out: usize
): void;
export declare function bls12_381_pairing_check(g1Points: usize, g2Points: usize, count: u32): bool;
export declare function bls12_381_aggregate_verify(
  publicKeys: usize, count: u32, messages: usize, messagesLength: usize, signature: usize
): bool;
export declare function bls12_381_fast_aggregate_verify(
  publicKeys: usize, count: u32, message: usize, messageLength: usize, signature: usize
): bool;
export declare function debug_log(text: usize, length: usize): void;
