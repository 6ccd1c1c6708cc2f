#!/bin/sh
# Builds the ROM from l1.S into the file given: build.sh l1.bin. The same source gives the same bytes.
set -eu

out=$1
here=$(dirname "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# A tool may be several words: a loader, its options, the program.
${AS:-as} --64 -o "$tmp/l1.o" "$here/l1.S"
${LD:-ld} -m elf_x86_64 --build-id=none -Ttext=0xffff0000 -e 0xffff0000 -o "$tmp/l1.elf" "$tmp/l1.o"
${OBJCOPY:-objcopy} -O binary -j .text "$tmp/l1.elf" "$out"
