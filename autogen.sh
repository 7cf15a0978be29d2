#!/bin/sh
# Makes configure in a git checkout. A release tarball already has it.
set -e
cd "$(dirname "$0")"
mkdir -p m4 build-aux
for tool in autoreconf automake libtoolize pkg-config; do
    command -v "$tool" >/dev/null || { echo "autogen.sh: $tool is missing (see HACKING)" >&2; exit 2; }
done
[ -e "$(aclocal --print-ac-dir)/ax_check_compile_flag.m4" ] ||
    { echo "autogen.sh: the Autoconf Archive is missing (see HACKING)" >&2; exit 2; }
cp "$(automake --print-libdir)/tap-driver.sh" build-aux/
autoreconf --force --install
