//! Solutions of the 12 queens problem by bit masks: recursion, so most of the time goes into calls.
#![crate_type = "cdylib"]

#[no_mangle]
pub static mut checksum: u64 = 0;

fn count(all: u32, columns: u32, left: u32, right: u32) -> u64 {
    if columns == all {
        return 1;
    }
    let mut free = all & !(columns | left | right);
    let mut solutions = 0;
    while free != 0 {
        let queen = free & free.wrapping_neg();
        free ^= queen;
        solutions += count(all, columns | queen, (left | queen) << 1, (right | queen) >> 1);
    }
    solutions
}

#[no_mangle]
pub extern "C" fn run() {
    let solutions = count((1 << 12) - 1, 0, 0, 0);
    unsafe { checksum = solutions }
}
