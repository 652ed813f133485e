//! Edit distances between the words of a list, by the one-row dynamic program: `Vec` indexing with its bounds checks.
#![crate_type = "cdylib"]

#[no_mangle]
pub static mut checksum: u64 = 0;

fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + (x != y) as usize;
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

fn words(count: usize) -> Vec<String> {
    let mut seed = 1u32;
    let mut next = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed >> 16
    };
    (0..count).map(|_| (0..20 + next() % 40).map(|_| (b'a' + (next() % 6) as u8) as char).collect()).collect()
}

#[no_mangle]
pub extern "C" fn run() {
    let words = words(75);
    let mut sum = 0u64;
    for a in &words {
        for b in &words {
            sum = sum.wrapping_mul(31).wrapping_add(distance(a.as_bytes(), b.as_bytes()) as u64);
        }
    }
    unsafe { checksum = sum }
}
