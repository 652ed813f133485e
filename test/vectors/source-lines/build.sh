#!/bin/sh
# Rebuilds the modules beside their sources, which hold floats on known lines: with DWARF from clang and rustc (Debian 12's
# clang and lld 14.0.6, rustc 1.63.0), and with a source map from the asc 0.28.20 of this repository. No path of the
# machine gets into them.
set -eu
cd "$(dirname "$0")"

for version in 4 5; do
  clang --target=wasm32 -g -gdwarf-$version -O1 -nostdlib -ffile-prefix-map="$PWD"=. -Wl,--no-entry -Wl,--export=run \
    -o "c-dwarf$version.wasm" price.c
done

"${RUSTC:-/usr/bin/rustc}" --edition 2021 --target wasm32-unknown-unknown --crate-type cdylib -g -C opt-level=1 \
  -C panic=abort --remap-path-prefix "$PWD"=. -o rust.wasm price.rs

../../../node_modules/.bin/asc price.ts --noColors --runtime stub --use abort= --sourceMap -o asc.wasm
