//! An order book in a `BTreeMap` of byte keys: insertions, range scans and removals through the standard library.
#![crate_type = "cdylib"]

use std::collections::BTreeMap;

#[no_mangle]
pub static mut checksum: u64 = 0;

#[no_mangle]
pub extern "C" fn run() {
    let mut book: BTreeMap<[u8; 12], u64> = BTreeMap::new();
    let mut seed = 0x2545_f491_4f6c_dd1du64;
    let mut sum = 0u64;
    for round in 0..40_000u64 {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let mut key = [0; 12];
        key[..8].copy_from_slice(&(seed >> 48).to_be_bytes());
        key[8..].copy_from_slice(&(round as u32).to_be_bytes());
        *book.entry(key).or_insert(0) += seed & 0xffff;
        if round % 3 == 0 {
            let taken: Vec<([u8; 12], u64)> = book.range(key..).take(4).map(|(key, size)| (*key, *size)).collect();
            for (key, size) in taken {
                sum = sum.wrapping_mul(31).wrapping_add(size);
                if size & 1 == 0 {
                    book.remove(&key);
                }
            }
        }
    }
    unsafe { checksum = sum ^ book.len() as u64 }
}
