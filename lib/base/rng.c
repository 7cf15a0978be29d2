/* rng.c -- Philox4x32-10, and from its bits integers, permutations and normal deviates. */
#include "base/internal.h"

#include <math.h>

#include "base/float.h"
#include "base/rng.h"

/* A stream's numbers are drawn RUN at a time, in loops of fixed length without branches, which
   compilers turn into vector instructions. */
enum { RUN = 64 };

struct stream {
    uint64_t seed;
    uint32_t purpose, epoch;
};

static void random_run(const struct stream *stream, uint64_t index, uint64_t bits[RUN])
{
    uint32_t c0[RUN], c1[RUN], c2[RUN], c3[RUN];
    uint32_t k0 = (uint32_t)stream->seed, k1 = (uint32_t)(stream->seed >> 32);
    for (size_t i = 0; i < RUN; i++) {
        c0[i] = (uint32_t)(index + i);
        c1[i] = (uint32_t)((index + i) >> 32);
        c2[i] = stream->epoch;
        c3[i] = stream->purpose;
    }
    for (int round = 0; round < 10; round++) {
        for (size_t i = 0; i < RUN; i++) {
            uint64_t p0 = (uint64_t)0xD2511F53u * c0[i], p1 = (uint64_t)0xCD9E8D57u * c2[i];
            c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
            c1[i] = (uint32_t)p1;
            c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
            c3[i] = (uint32_t)p0;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (size_t i = 0; i < RUN; i++)
        bits[i] = (uint64_t)c1[i] << 32 | c0[i];
}

uint64_t fm_random(uint64_t seed, enum fm_purpose purpose, uint32_t epoch, uint64_t index)
{
    uint32_t c[4] = {(uint32_t)index, (uint32_t)(index >> 32), epoch, (uint32_t)purpose};
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1,
                            (uint32_t)(p0 >> 32) ^ c[3] ^ k1, (uint32_t)p0};
        memcpy(c, next, sizeof c);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return (uint64_t)c[1] << 32 | c[0];
}

/* Lemire's method: the high 64 bits of bits * n, computed by halves. The bias, below n / 2^64, is
   accepted, so that one number always costs one draw. */
uint64_t fm_random_below(uint64_t bits, uint64_t n)
{
    assert(n > 0 && n <= UINT32_MAX);
    return ((bits >> 32) * n + ((uint64_t)(uint32_t)bits * n >> 32)) >> 32;
}

void fm_random_shuffle(uint32_t *order, size_t n, uint64_t seed, enum fm_purpose purpose,
                       uint32_t epoch)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)fm_random_below(fm_random(seed, purpose, epoch, i - 1), i);
        uint32_t keep = order[i - 1];
        order[i - 1] = order[j];
        order[j] = keep;
    }
}

static inline double ratio(const double p[8], const double q[8], double r)
{
    double num = p[7], den = q[7];
    for (int i = 6; i >= 0; i--) {
        num = num * r + p[i];
        den = den * r + q[i];
    }
    return num / den;
}

/* The quantile of the normal distribution: M. J. Wichura, "Algorithm AS 241", Applied Statistics 37
   (1988), PPND16. Its third region (beyond 5 deviations) is left out: truncated deviates never
   reach it. */
static const double qa[8] = {3.3871328727963666080e0, 1.3314166789178437745e2,
                             1.9715909503065514427e3, 1.3731693765509461125e4,
                             4.5921953931549871457e4, 6.7265770927008700853e4,
                             3.3430575583588128105e4, 2.5090809287301226727e3};
static const double qb[8] = {1.0,
                             4.2313330701600911252e1,
                             6.8718700749205790830e2,
                             5.3941960214247511077e3,
                             2.1213794301586595867e4,
                             3.9307895800092710610e4,
                             2.8729085735721942674e4,
                             5.2264952788528545610e3};
static const double qc[8] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                             5.76949722146069140550e0,  3.64784832476320460504e0,
                             1.27045825245236838258e0,  2.41780725177450611770e-1,
                             2.27238449892691845833e-2, 7.74545014278341407640e-4};
static const double qd[8] = {1.0,
                             2.05319162663775882187e0,
                             1.67638483018380384940e0,
                             6.89767334985100004550e-1,
                             1.48103976427480074590e-1,
                             1.51986665636164571966e-2,
                             5.47593808499534494600e-4,
                             1.05075007164441684324e-9};

static inline double centre(double q)
{
    return q * ratio(qa, qb, 0.180625 - q * q);
}

static double quantile(double p)
{
    double q = p - 0.5;
    if (fabs(q) <= 0.425)
        return centre(q);
    double x = ratio(qc, qd, sqrt(-fm_log(q < 0 ? p : 1 - p)) - 1.6);
    return q < 0 ? -x : x;
}

static const double mass_below = 0.022750131948179207; /* of minus two deviations */
static const double deviation_of_truncated = 0.87962566103423978;

/* Maps u in (0,1) to the probabilities between minus two and two deviations. */
static inline double mass_at(double u)
{
    return mass_below + u * (1 - 2 * mass_below);
}

double fm_random_truncated_normal(uint64_t bits)
{
    double u = ((double)(bits >> 11) + 0.5) / 9007199254740992.0;
    return quantile(mass_at(u)) / deviation_of_truncated;
}

/* (double)(bits >> 11), exactly, by operations that every vector instruction set has. */
static inline double leading_bits(uint64_t bits)
{
    const uint64_t magic = (uint64_t)0x433 << 52; /* 2^52 */
    uint64_t h = magic | bits >> 43, l = magic | (bits >> 11 & 0xffffffff);
    double high, low;
    memcpy(&high, &h, sizeof high);
    memcpy(&low, &l, sizeof low);
    return (high - 4503599627370496.0) * 4294967296.0 + (low - 4503599627370496.0);
}

static void normal_run(double deviation, const uint64_t bits[RUN], double out[RUN])
{
    double p[RUN];
    for (size_t i = 0; i < RUN; i++)
        p[i] = mass_at((leading_bits(bits[i]) + 0.5) / 9007199254740992.0);
    for (size_t i = 0; i < RUN; i++)
        out[i] = centre(p[i] - 0.5);
    for (size_t i = 0; i < RUN; i++)
        if (fabs(p[i] - 0.5) > 0.425)
            out[i] = quantile(p[i]);
    for (size_t i = 0; i < RUN; i++)
        out[i] = deviation * (out[i] / deviation_of_truncated);
}

void fm_random_normals(float *out, size_t n, double deviation, uint64_t seed,
                       enum fm_purpose purpose, uint64_t index)
{
    const struct stream stream = {seed, (uint32_t)purpose, 0};
    uint64_t bits[RUN];
    double normal[RUN];
    for (size_t done = 0; done < n; done += RUN) {
        random_run(&stream, index + done, bits);
        normal_run(deviation, bits, normal);
        for (size_t i = 0; i < RUN && done + i < n; i++)
            out[done + i] = (float)normal[i];
    }
}
