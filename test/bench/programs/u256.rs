//! 256-bit unsigned arithmetic, the words of the EVM: schoolbook products, long division bit by bit, and u128 in the middle.
#![crate_type = "cdylib"]

#[no_mangle]
pub static mut checksum: u64 = 0;

#[derive(Clone, Copy, PartialEq, Eq)]
struct U256([u64; 4]);

impl U256 {
    fn add(self, other: U256) -> (U256, bool) {
        let mut out = [0; 4];
        let mut carry = false;
        for i in 0..4 {
            let (sum, first) = self.0[i].overflowing_add(other.0[i]);
            let (sum, second) = sum.overflowing_add(carry as u64);
            out[i] = sum;
            carry = first | second;
        }
        (U256(out), carry)
    }

    fn sub(self, other: U256) -> (U256, bool) {
        let mut out = [0; 4];
        let mut borrow = false;
        for i in 0..4 {
            let (difference, first) = self.0[i].overflowing_sub(other.0[i]);
            let (difference, second) = difference.overflowing_sub(borrow as u64);
            out[i] = difference;
            borrow = first | second;
        }
        (U256(out), borrow)
    }

    fn mul(self, other: U256) -> U256 {
        let mut out = [0u64; 4];
        for i in 0..4 {
            let mut carry = 0u128;
            for j in 0..4 - i {
                let sum = self.0[i] as u128 * other.0[j] as u128 + out[i + j] as u128 + carry;
                out[i + j] = sum as u64;
                carry = sum >> 64;
            }
        }
        U256(out)
    }

    fn bit(self, index: usize) -> u64 {
        self.0[index / 64] >> (index % 64) & 1
    }

    fn bit_length(self) -> usize {
        (0..4).rev().find(|&i| self.0[i] != 0).map_or(0, |i| 64 * (i + 1) - self.0[i].leading_zeros() as usize)
    }

    fn div_rem(self, divisor: U256) -> (U256, U256) {
        let mut quotient = [0u64; 4];
        let mut rest = U256([0; 4]);
        for index in (0..self.bit_length()).rev() {
            let (mut shifted, overflow) = rest.add(rest);
            shifted.0[0] |= self.bit(index);
            let (reduced, borrow) = shifted.sub(divisor);
            if overflow || !borrow {
                quotient[index / 64] |= 1 << (index % 64);
                rest = reduced;
            } else {
                rest = shifted;
            }
        }
        (U256(quotient), rest)
    }
}

#[no_mangle]
pub extern "C" fn run() {
    let mut a = U256([0x0123_4567_89ab_cdef, 0x0f1e_2d3c_4b5a_6978, 0x1111_2222_3333_4444, 0x5555_6666_7777_8888]);
    let b = U256([0xfedc_ba98_7654_3211, 0x9, 0, 0]);
    let mut sum = U256([0; 4]);
    for i in 0..6_000u64 {
        let product = a.mul(a);
        let (quotient, rest) = product.div_rem(b);
        assert!(quotient.mul(b).add(rest).0 == product);
        sum = sum.add(quotient).0;
        a = product.add(U256([i, rest.0[0], rest.0[1], i])).0;
    }
    unsafe { checksum = sum.0.iter().fold(0, |all, limb| all.rotate_left(7) ^ limb) }
}
