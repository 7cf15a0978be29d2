# shellcheck shell=sh disable=SC2034
# alone.sh -- shared by neon and races: the sources of the engine and the flags to build alone.c with no library but libm.
# Needs source, program, and tools (commands that must be installed); sets dir (temporary), sources and flags.
for tool in $tools; do
    command -v "$tool" >/dev/null || {
        echo "$program: $tool: not found" >&2
        exit 2
    }
done
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 2' HUP INT TERM
cd "$source" || exit 2

# All that alone.c needs of Check (for tests/engine.h) and of xxHash (for a fingerprint that it never asks for).
mkdir "$dir/include"
cat >"$dir/include/check.h" <<'END'
#include <stdio.h>
#include <stdlib.h>
#define ck_assert_msg(expr, ...) ((expr) ? (void)0 : (printf(__VA_ARGS__), abort()))
#define ck_assert_ptr_nonnull(p) ck_assert_msg((p) != NULL, "NULL\n")
#define ck_assert_int_eq(a, b) ck_assert_msg((a) == (b), "%lld\n", (long long)(a))
#define ck_assert_uint_le(a, b) ck_assert_msg((a) <= (b), "%llu\n", (unsigned long long)(a))
END
cat >"$dir/include/xxhash.h" <<'END'
#include <stdlib.h>
typedef struct { char unused; } XXH3_state_t;
typedef struct { unsigned long long low64, high64; } XXH128_hash_t;
#define XXH3_createState() ((XXH3_state_t *)NULL)
#define XXH3_128bits_reset(state) ((void)(state))
#define XXH3_128bits_update(state, bytes, size) ((void)(state), (void)(bytes), (void)(size))
#define XXH3_128bits_digest(state) ((void)(state), (XXH128_hash_t){0, 0})
#define XXH3_freeState(state) ((void)(state))
END
sources="tests/bench/alone.c lib/data/samples.c lib/data/datasets.c lib/data/class-names.c
    $(find lib/base lib/engine -name '*.c' ! -path '*/kernels/avx*' ! -path '*/kernels/neon.c' ! -name version.c)"
flags="-std=gnu11 -D_GNU_SOURCE -DFM_BUILDING -ffp-contract=off
    -Ilib/include -Ilib -Itests -I$dir/include ${CFLAGS--O2}"
