# alone.sh -- for neon and races: what the engine is made of, so that alone.c can be built with no library but
# libm. Needs source, program, and tools, those that must be there; sets dir (temporary), sources and flags.
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

# tests/engine.h wants Check, of which this is enough; data.c is taken without its digest.
mkdir "$dir/include"
cat >"$dir/include/check.h" <<'END'
#include <stdio.h>
#include <stdlib.h>
#define ck_assert_msg(expr, ...) ((expr) ? (void)0 : (printf(__VA_ARGS__), abort()))
#define ck_assert_ptr_nonnull(p) ck_assert_msg((p) != NULL, "NULL\n")
END
sed '/xxhash/d; /^static void digest_rows/,$d' lib/data.c >"$dir/data.c"
sources="tests/bench/alone.c lib/error.c lib/memory.c lib/words.c lib/rng.c lib/real.c lib/sets.c lib/model.c lib/net.c lib/winograd.c
    lib/plan.c lib/profile.c lib/team.c lib/predict.c lib/layers/*.c lib/optim/*.c lib/kernels/kernels.c lib/kernels/generic.c
    $dir/data.c"
flags="-std=gnu11 -D_GNU_SOURCE -ffp-contract=off -Ilib -Itests -I$dir/include ${CFLAGS--O2}"
