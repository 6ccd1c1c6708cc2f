#!/bin/sh
# Builds a program of L1's user space into the file given: build.sh l2-counter.S l2-counter.bin. The same source gives
# the same bytes.
set -eu

source=$1
out=$2
folder=$(dirname "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# A tool may be several words: a loader, its options, the program.
${AS:-as} --64 -I "$folder" -o "$tmp/program.o" "$source"
${LD:-ld} -m elf_x86_64 --build-id=none -Ttext=0x400000 -e 0x400000 -o "$tmp/program.elf" "$tmp/program.o"
${OBJCOPY:-objcopy} -O binary -j .text "$tmp/program.elf" "$out"
