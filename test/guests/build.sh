#!/bin/sh
# Builds a guest's ROM from its l1.S into the file given: build.sh svm-l1/l1.S l1.bin. The same source gives the
# same bytes.
set -eu

source=$1
out=$2
guests=$(dirname "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# A tool may be several words: a loader, its options, the program.
${AS:-as} --64 -I "$guests" -o "$tmp/l1.o" "$source"
${LD:-ld} -m elf_x86_64 --build-id=none -Ttext=0xffff0000 -e 0xffff0000 -o "$tmp/l1.elf" "$tmp/l1.o"
${OBJCOPY:-objcopy} -O binary -j .text "$tmp/l1.elf" "$out"
