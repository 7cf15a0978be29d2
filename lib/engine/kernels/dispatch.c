/* dispatch.c -- finds the kernel sets that this CPU can run. Compiled without the flags of any
   instruction set. */
#include "engine/kernels.h"

static bool always(void)
{
    return true;
}

#ifdef HAVE_KERNELS_AVX2
static bool has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif

#ifdef HAVE_KERNELS_AVX512
static bool has_avx512(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif

/* The fastest first. */
static const struct {
    const struct fm_kernels *kernels;
    bool (*runs_here)(void);
} sets[] = {
#ifdef HAVE_KERNELS_AVX512
    {&fm_kernels_avx512, has_avx512},
#endif
#ifdef HAVE_KERNELS_AVX2
    {&fm_kernels_avx2, has_avx2},
#endif
#ifdef HAVE_KERNELS_NEON
    {&fm_kernels_neon, always},
#endif
    {&fm_kernels_generic, always},
};

/* The i-th set that this CPU can run, or NULL. */
static const struct fm_kernels *runnable(size_t i)
{
    for (size_t k = 0; k < FM_COUNT(sets); k++)
        if (sets[k].runs_here() && i-- == 0)
            return sets[k].kernels;
    return NULL;
}

const char *fmnn_kernels_at(size_t i)
{
    const struct fm_kernels *kernels = runnable(i);
    return kernels ? kernels->name : NULL;
}

const struct fm_kernels *fm_kernels_find(const char *name, struct fmnn_error *err)
{
    static const char *const known[] = {"generic", "avx2", "avx512", "neon", NULL};
    const struct fm_kernels *kernels;
    for (size_t i = 0; (kernels = runnable(i)) != NULL; i++)
        if (!name || !strcmp(kernels->name, name))
            return kernels;
    for (size_t i = 0; known[i]; i++)
        if (!strcmp(known[i], name)) {
            fm_fail(err, FMNN_USAGE, "kernels '%s' do not run on this machine", name);
            return NULL;
        }
    fm_fail_unknown(err, "unknown kernels", name, known);
    return NULL;
}
