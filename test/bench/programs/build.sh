#!/bin/sh
# Rebuilds every .wasm beside its source. They are kept in the tree, so that measuring needs no compiler; rebuild when a
# source changes. Made with Debian 12's clang and lld 14.0.6 and rustc 1.63.0 (packages clang, lld, rustc,
# libstd-rust-dev-wasm32), and with asc 0.28.20 of this repository. Flags are those of a release build and no more: what
# stock compilers emit is what the profile must take. Bulk memory stands in for the memset and memcpy of a C library.
set -eu
cd "$(dirname "$0")"

for source in *.c; do
  clang --target=wasm32 -O2 -mbulk-memory -nostdlib -Wl,--no-entry -Wl,--export=run -Wl,--export=checksum -Wl,--strip-debug \
    -o "${source%.c}.wasm" "$source"
done

for source in *.rs; do
  "${RUSTC:-/usr/bin/rustc}" --edition 2021 --target wasm32-unknown-unknown -C opt-level=3 -C panic=abort -C strip=debuginfo \
    -A non_upper_case_globals -o "${source%.rs}.wasm" "$source"
done

for source in *.ts; do
  ../../../node_modules/.bin/asc "$source" -O --use abort= --exportStart _initialize -o "${source%.ts}.wasm"
done
