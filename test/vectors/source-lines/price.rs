//! The float stands in line 9; `run` reaches it.
#![no_std]

#[no_mangle]
pub static mut TOTAL: i32 = 0;

#[inline(never)]
fn share(cents: i32) -> i32 {
    (cents as f32 / 3.5) as i32
}

#[no_mangle]
pub extern "C" fn run() {
    unsafe { TOTAL = share(TOTAL) }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
