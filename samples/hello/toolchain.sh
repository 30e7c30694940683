#!/bin/sh
# Writes apps/toolchain.tar.gz: a C compiler small enough to travel with the source.
#
# It holds the TinyCC compiler and musl, a C library, both as this machine's Debian packages `tcc`
# and `musl-dev` installed them: 2 MB, everything that apps/*.Dockerfile need to turn C into a static
# program without a base image, a registry or a network.  The same packages give the same bytes.
set -eu
cd "$(dirname "$0")"

machine=$(uname -m)
gnu=$machine-linux-gnu # where tcc looks for headers and libraries
musl=$machine-linux-musl

for needed in /usr/bin/tcc /usr/lib/$gnu/tcc/libtcc1.a /usr/lib/$musl/libc.a; do
    [ -e "$needed" ] || {
        echo "$needed is missing; as root, run: apt-get install tcc musl-dev" >&2
        exit 1
    }
done

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# The compiler with its own headers and run-time support, and the libraries it is linked with.
mkdir -p "$root/usr/bin" "$root/usr/lib/$gnu/tcc"
cp /usr/bin/tcc "$root/usr/bin/"
cp -R /usr/lib/$gnu/tcc/include /usr/lib/$gnu/tcc/libtcc1.a "$root/usr/lib/$gnu/tcc/"
ldd /usr/bin/tcc | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) .*/\1/p' |
    while read -r library; do
        mkdir -p "$root$(dirname "$library")"
        cp -L "$library" "$root$library"
    done

# The C library that programs are linked with, where tcc looks for one.
mkdir -p "$root/usr/include"
cp -R /usr/include/$musl/. "$root/usr/include/"
for file in crt1.o crti.o crtn.o libc.a; do
    cp /usr/lib/$musl/$file "$root/usr/lib/$gnu/"
done

tar -C "$root" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf - . |
    gzip -9n >apps/toolchain.tar.gz.new
mv apps/toolchain.tar.gz.new apps/toolchain.tar.gz
