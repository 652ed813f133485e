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
export declare function chain_id(out: usize, capacity: usize): usize;
export declare function input(out: usize, capacity: usize): usize;
export declare function return_data(data: usize, length: usize): void;
export declare function revert(code: u32, payload: usize, length: usize): void;
export declare function last_result(out: usize, offset: usize, length: usize): void;
/** The value's full length, or -1 when the key is absent. */
export declare function storage_get(key: usize, keyLength: usize, out: usize, capacity: usize): i32;
export declare function storage_set(key: usize, keyLength: usize, value: usize, valueLength: usize): void;
export declare function storage_remove(key: usize, keyLength: usize): void;
export declare function storage_has(key: usize, keyLength: usize): bool;
export declare function emit(topics: usize, topicsLength: usize, data: usize, dataLength: usize): void;
export declare function sha256(data: usize, length: usize, out: usize): void;
export declare function debug_log(text: usize, length: usize): void;
