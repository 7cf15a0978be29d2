/* check_augment.c -- augmentation, mixed and smoothed labels, weights of classes. */
#include "training.h"

#include "engine/augment/augment.h"
#include "engine/optim/class-weights.h"
#include "engine/train.h"
#include "runner.h"
#include "scratch.h"
#include "base/shape.h"

/* ---- images */

static uint8_t fill[3] = {77, 88, 99};

/* A batch of noise, augmented in memory of its own. Row i is 100 + 7 i, unless the test says
   otherwise. */
struct batch {
    struct fm_augment augment;
    struct fm_augment_batch out;
    size_t images, size;
    uint8_t *pixels;
    const uint8_t **from;
    uint32_t *index;
    uint64_t seed;
    uint32_t epoch;
};

static struct batch make_batch(const char *text, size_t images, struct fmnn_shape shape)
{
    struct batch b = {.images = images, .size = fm_elements(shape)};
    b.seed = 5;
    b.epoch = 1;
    ck_assert_int_eq(fm_augment_parse(&b.augment, text, NULL), 0);
    ck_assert_int_eq(fm_augment_check(&b.augment, shape, NULL), 0);
    b.pixels = malloc(images * b.size);
    b.from = malloc(images * sizeof *b.from);
    b.index = malloc(images * sizeof *b.index);
    for (size_t i = 0; i < images * b.size; i++)
        b.pixels[i] = (uint8_t)(fm_random(1, FM_RNG_SPLIT, 0, i) | 1);
    for (size_t i = 0; i < images; i++) {
        b.from[i] = b.pixels + i * b.size;
        b.index[i] = (uint32_t)(100 + 7 * i);
    }
    b.out.shape = shape;
    b.out.fill = fill;
    b.out.pixels = malloc(images * b.size);
    b.out.partner = malloc(images * b.size);
    b.out.share = malloc(images * sizeof *b.out.share);
    return b;
}

static void augment(struct batch *b)
{
    b->out.augment = &b->augment;
    for (size_t i = 0; i < b->images; i++)
        fm_augment_one(&b->out, b->seed, b->epoch, b->from, b->index, b->images, i);
}

static void free_batch(struct batch *b)
{
    free(b->pixels);
    free(b->from);
    free(b->index);
    free(b->out.pixels);
    free(b->out.partner);
    free(b->out.share);
}

static const uint8_t *result(const struct batch *b, size_t n)
{
    return b->out.pixels + n * b->size;
}

/* ---- text */

START_TEST(text_is_read_and_written)
{
    static const char *const texts[][2] = {
        {"", "none"},
        {" none ", "none"},
        {"flip", "flip"},
        {"flip  random", "flip random"},
        {"shift 2 flip", "shift 2 flip"},
        {"cutmix 0.50 flip random\tcutout 8", "flip random cutout 8 cutmix 0.5"},
        {"erase 1 mixup 0.2", "erase 1 mixup 0.2"},
        {"flip shift 4096 cutout 1 erase 0 mixup 1", "flip shift 4096 cutout 1 erase 0 mixup 1"},
        {"mixup 0.333333", "mixup 0.333333"},
    };
    for (size_t i = 0; i < FM_COUNT(texts); i++) {
        struct fm_augment augment;
        struct fmnn_error err;
        char text[128];
        ck_assert_msg(fm_augment_parse(&augment, texts[i][0], &err) == 0, "%s", err.message);
        fm_augment_print(&augment, text, sizeof text);
        ck_assert_str_eq(text, texts[i][1]);
    }
}
END_TEST

START_TEST(wrong_text_is_refused)
{
    static const char *const texts[][2] = {
        {"flop", "augment: unknown 'flop'; did you mean 'flip'?"},
        {"rotate 5", "augment: unknown 'rotate' (known: none, flip, shift, cutout, erase, cutmix, "
                     "mixup)"},
        {"flip none", "augment: 'none' stands alone"},
        {"none flip", "augment: 'none' stands alone"},
        {"flip flip random", "augment: 'flip' twice"},
        {"cutmix 1 cutmix 1", "augment: 'cutmix' twice"},
        {"cutmix 1 mixup 1", "augment: 'cutmix' and 'mixup' exclude each other"},
        {"shift", "augment: 'shift' takes a number"},
        {"shift flip", "augment: shift 'flip' is not a number"},
        {"shift 0", "augment: shift 0 is not a whole number from 1 to 4096"},
        {"shift 2.5", "augment: shift 2.5 is not a whole number"},
        {"cutout 5000", "augment: cutout 5000 is not"},
        {"cutout -1", "augment: cutout -1 is not"},
        {"shift 1e300", "augment: shift 1e300 is not"},
        {"erase 1.5", "augment: erase 1.5 is not a probability, 0 to 1"},
        {"cutmix -0.1", "augment: cutmix -0.1 is not a probability"},
        {"cutmix nan", "augment: cutmix 'nan' is not a number"},
        {"mixup 0.3", "augment: mixup 0.3 is not 1 divided by a whole number up to 100"},
        {"mixup 0", "augment: mixup 0 is not 1 divided"},
        {"mixup 2", "augment: mixup 2 is not 1 divided"},
        {"mixup 0.005", "augment: mixup 0.005 is not 1 divided"},
        {"shift random", "augment: shift 'random' is not a number"},
    };
    for (size_t i = 0; i < FM_COUNT(texts); i++) {
        struct fm_augment augment;
        struct fmnn_error err;
        ck_assert_int_eq(fm_augment_parse(&augment, texts[i][0], &err), -1);
        ck_assert_int_eq(err.status, FMNN_USAGE);
        ck_assert_msg(!strncmp(err.message, texts[i][1], strlen(texts[i][1])), "%s", err.message);
    }
}
END_TEST

START_TEST(parts_larger_than_the_image_are_refused)
{
    struct fm_augment augment;
    struct fmnn_error err;
    struct fmnn_shape shape = {1, 12, 7};
    ck_assert_int_eq(fm_augment_parse(&augment, "shift 7 cutout 7", NULL), 0);
    ck_assert_int_eq(fm_augment_check(&augment, shape, NULL), 0);
    ck_assert_int_eq(fm_augment_parse(&augment, "flip cutout 8", NULL), 0);
    ck_assert_int_eq(fm_augment_check(&augment, shape, &err), -1);
    ck_assert_str_eq(err.message, "augment: cutout 8 is larger than the images, 12x7");
    ck_assert_int_eq(fm_augment_parse(&augment, "shift 13", NULL), 0);
    ck_assert_int_eq(fm_augment_check(&augment, shape, &err), -1);
}
END_TEST

/* ---- each kind against its definition, pixel by pixel */

static size_t below(uint64_t bits, size_t n)
{
    return (size_t)fm_random_below(bits, n);
}

/* The pixel (c,y,x) of the image as it was; 0 outside. */
static uint8_t before(const struct batch *b, size_t n, size_t c, long y, long x)
{
    struct fmnn_shape s = b->out.shape;
    bool inside = y >= 0 && x >= 0 && y < (long)s.height && x < (long)s.width;
    return inside ? b->from[n][(c * s.height + (size_t)y) * s.width + (size_t)x] : 0;
}

static uint64_t bits_of(const struct batch *b, enum fm_purpose purpose, uint64_t draw, size_t n)
{
    return fm_random(b->seed, purpose, b->epoch, draw << 32 | b->index[n]);
}

static uint8_t flipped(const struct batch *b, size_t n, size_t c, long y, long x)
{
    uint64_t coin = fm_random(b->seed, FM_RNG_FLIP, 0, b->index[n]) & 1;
    return before(b, n, c, y, coin != b->epoch % 2 ? (long)b->out.shape.width - 1 - x : x);
}

static uint8_t flipped_at_random(const struct batch *b, size_t n, size_t c, long y, long x)
{
    bool coin = bits_of(b, FM_RNG_FLIP, 0, n) & 1;
    return before(b, n, c, y, coin ? (long)b->out.shape.width - 1 - x : x);
}

static uint8_t shifted(const struct batch *b, size_t n, size_t c, long y, long x)
{
    uint64_t bits = bits_of(b, FM_RNG_SHIFT, 0, n);
    return before(b, n, c, y - ((long)below(bits, 7) - 3), x - ((long)below(bits << 32, 7) - 3));
}

/* Pixels whose centres are nearer than half a side to the centre, which is at the centre of a pixel
   or, for an even side, at a corner: in half pixels. */
static uint8_t cut_out(const struct batch *b, size_t n, size_t c, long y, long x)
{
    long side = (long)b->augment.part[0].number, even = side % 2 == 0;
    uint64_t bits = bits_of(b, FM_RNG_CUTOUT, 0, n);
    long cy = (long)below(bits, b->out.shape.height + (size_t)even) * 2 + !even;
    long cx = (long)below(bits << 32, b->out.shape.width + (size_t)even) * 2 + !even;
    bool cut = labs(2 * y + 1 - cy) < side && labs(2 * x + 1 - cx) < side;
    return cut ? fill[c] : before(b, n, c, y, x);
}

static uint8_t erased(const struct batch *b, size_t n, size_t c, long y, long x)
{
    struct fmnn_shape s = b->out.shape;
    if (ldexp((double)(bits_of(b, FM_RNG_ERASE, 0, n) >> 11), -53) >= 0.5)
        return before(b, n, c, y, x);
    for (unsigned try = 0; try < 10; try++) {
        uint64_t sides = bits_of(b, FM_RNG_ERASE, 1 + 2 * try, n);
        uint64_t place = bits_of(b, FM_RNG_ERASE, 2 + 2 * try, n);
        double area =
            (double)(s.height * s.width) * (0.02 + 0.31 * ldexp((double)(sides >> 32), -32));
        double ratio = 0.3 * pow(11, (double)(sides % 4096) / 4096);
        size_t h = (size_t)lround(sqrt(area * ratio)), w = (size_t)lround(sqrt(area / ratio));
        if (h >= s.height || w >= s.width)
            continue;
        long top = (long)below(place, s.height - h + 1);
        long left = (long)below(place << 32, s.width - w + 1);
        bool erase = y >= top && y < top + (long)h && x >= left && x < left + (long)w;
        return erase ? fill[c] : before(b, n, c, y, x);
    }
    return before(b, n, c, y, x);
}

static const struct {
    const char *text;
    uint8_t (*pixel)(const struct batch *b, size_t n, size_t c, long y, long x);
} kinds[] = {
    {"flip", flipped},     {"flip random", flipped_at_random},
    {"shift 3", shifted},  {"cutout 3", cut_out},
    {"cutout 4", cut_out}, {"cutout 1", cut_out},
    {"erase 0.5", erased},
};

START_TEST(kinds_do_what_they_say)
{
    static const struct fmnn_shape shapes[] = {{1, 28, 28}, {1, 4, 17}, {3, 11, 6}, {1, 9, 4}};
    for (size_t k = 0; k < FM_COUNT(shapes); k++) {
        struct fmnn_shape s = shapes[k];
        struct batch b = make_batch(kinds[_i].text, 300, s);
        size_t changed = 0;
        for (b.epoch = 1; b.epoch <= 2; b.epoch++) {
            augment(&b);
            for (size_t n = 0; n < b.images; n++) {
                const uint8_t *got = result(&b, n);
                changed += memcmp(got, b.from[n], b.size) != 0;
                for (size_t i = 0; i < b.size; i++) {
                    size_t c = i / (s.height * s.width);
                    long y = (long)(i / s.width % s.height), x = (long)(i % s.width);
                    ck_assert_msg(got[i] == kinds[_i].pixel(&b, n, c, y, x),
                                  "%s: image %zu at %ld,%ld", kinds[_i].text, n, y, x);
                }
            }
        }
        ck_assert_uint_gt(changed, 200);
        free_batch(&b);
    }
}
END_TEST

START_TEST(tiny_images_are_augmented)
{
    static const struct fmnn_shape shapes[] = {{1, 1, 1}, {1, 1, 5}, {1, 2, 1}, {1, 2, 2}};
    for (size_t k = 0; k < FM_COUNT(shapes); k++) {
        struct batch b = make_batch("flip shift 1 cutout 1 erase 1 cutmix 1", 40, shapes[k]);
        augment(&b);
        for (size_t n = 0; n < b.images; n++)
            ck_assert(b.out.share[n] >= 0 && b.out.share[n] <= 1);
        free_batch(&b);
    }
}
END_TEST

/* The text's order counts: a square that is cut out is shifted or is not. */
START_TEST(parts_are_applied_in_their_order)
{
    struct fmnn_shape shape = {1, 12, 12};
    struct batch both = make_batch("cutout 4 shift 3", 50, shape);
    struct batch first = make_batch("cutout 4", 50, shape), then = make_batch("shift 3", 50, shape);
    augment(&both);
    augment(&first);
    memcpy(then.pixels, first.out.pixels, then.images * then.size);
    augment(&then);
    ck_assert_int_eq(memcmp(both.out.pixels, then.out.pixels, then.images * then.size), 0);
    free_batch(&both);
    free_batch(&first);
    free_batch(&then);
}
END_TEST

/* ---- each image by itself */

START_TEST(equal_images_differ_by_row_and_epoch)
{
    static const char *const texts[] = {"flip random shift 4", "cutout 6", "erase 1", "cutmix 1",
                                        "mixup 1"};
    struct batch b = make_batch(texts[_i], 64, (struct fmnn_shape){1, 28, 28});
    uint8_t *first = malloc(b.images * b.size);
    size_t neighbours = 0, epochs = 0;
    for (size_t n = 0; n < b.images / 2; n++)
        b.from[n] = b.from[0];
    for (size_t n = b.images / 2; n < b.images; n++)
        b.from[n] = b.from[b.images - 1];
    augment(&b);
    memcpy(first, b.out.pixels, b.images * b.size);
    for (size_t n = 1; n < b.images / 2; n++)
        neighbours += memcmp(result(&b, n), result(&b, n - 1), b.size) != 0;
    b.epoch++;
    augment(&b);
    for (size_t n = 0; n < b.images; n++)
        epochs += memcmp(result(&b, n), first + n * b.size, b.size) != 0;
    ck_assert_uint_gt(neighbours, 26);
    ck_assert_uint_gt(epochs, 54);
    b.seed++;
    b.epoch--;
    augment(&b);
    ck_assert_int_ne(memcmp(b.out.pixels, first, b.images * b.size), 0);
    free(first);
    free_batch(&b);
}
END_TEST

START_TEST(images_do_not_depend_on_their_batch)
{
    struct batch b =
        make_batch("flip shift 2 cutout 5 erase 0.5", 33, (struct fmnn_shape){1, 9, 9});
    uint8_t alone[81];
    struct fm_augment_batch one = b.out;
    augment(&b);
    one.augment = &b.augment;
    one.pixels = alone;
    for (size_t n = 0; n < b.images; n++) {
        fm_augment_one(&one, b.seed, b.epoch, b.from + n, b.index + n, 1, 0);
        ck_assert_int_eq(memcmp(alone, result(&b, n), b.size), 0);
    }
    free_batch(&b);
}
END_TEST

/* Streams of different purposes, epochs and draws have no number in common. */
static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

START_TEST(streams_are_distinct)
{
    enum { ROWS_OF_STREAM = 20000, ALL = 5 * 2 * 5 * ROWS_OF_STREAM };
    uint64_t *bits = malloc(ALL * sizeof *bits);
    size_t n = 0;
    for (unsigned purpose = FM_RNG_FLIP; purpose <= FM_RNG_MIX; purpose++)
        for (uint32_t epoch = 1; epoch <= 2; epoch++)
            for (uint64_t draw = 0; draw < 5; draw++)
                for (uint64_t row = 0; row < ROWS_OF_STREAM; row++)
                    bits[n++] = fm_random(0, (enum fm_purpose)purpose, epoch, draw << 32 | row);
    qsort(bits, ALL, sizeof *bits, by_value);
    for (size_t i = 1; i < ALL; i++)
        ck_assert(bits[i] != bits[i - 1]);
    free(bits);
}
END_TEST

/* ---- distributions */

START_TEST(half_of_the_images_are_flipped)
{
    enum { N = 20000 };
    struct batch b = make_batch(_i ? "flip random" : "flip", N, (struct fmnn_shape){1, 1, 2});
    size_t flips = 0, again = 0;
    bool *odd = calloc(N, sizeof *odd);
    for (size_t n = 0; n < N; n++) {
        b.index[n] = (uint32_t)n;
        b.pixels[2 * n] = 1;
        b.pixels[2 * n + 1] = 2;
    }
    augment(&b);
    for (size_t n = 0; n < N; n++)
        flips += odd[n] = result(&b, n)[0] == 2;
    b.epoch = 2;
    augment(&b);
    for (size_t n = 0; n < N; n++)
        again += odd[n] == (result(&b, n)[0] == 2);
    ck_assert_double_eq_tol((double)flips / N, 0.5, 5 * 0.5 / sqrt(N));
    if (_i)
        ck_assert_double_eq_tol((double)again / N, 0.5, 5 * 0.5 / sqrt(N));
    else /* the other side in every second epoch */
        ck_assert_uint_eq(again, 0);
    b.epoch = 3;
    augment(&b);
    for (size_t n = 0; n < N && !_i; n++)
        ck_assert(odd[n] == (result(&b, n)[0] == 2));
    free(odd);
    free_batch(&b);
}
END_TEST

START_TEST(all_shifts_are_equally_likely)
{
    enum { N = 49000, SIDE = 7, PLACES = SIDE * SIDE };
    struct batch b = make_batch("shift 3", N, (struct fmnn_shape){1, SIDE, SIDE});
    double count[PLACES] = {0}, chi = 0;
    for (size_t n = 0; n < N; n++) {
        memset(b.pixels + n * b.size, 0, b.size);
        b.pixels[n * b.size + PLACES / 2] = 1; /* a point in the middle */
        b.index[n] = (uint32_t)n;
    }
    augment(&b);
    for (size_t n = 0; n < N; n++)
        count[(const uint8_t *)memchr(result(&b, n), 1, b.size) - result(&b, n)]++;
    for (size_t i = 0; i < PLACES; i++)
        chi += (count[i] - N / PLACES) * (count[i] - N / PLACES) / (N / PLACES);
    ck_assert_double_lt(chi, 48 + 5 * sqrt(2 * 48)); /* 48 degrees of freedom */
    ck_assert_double_gt(chi, 48 - 5 * sqrt(2 * 48));
    free_batch(&b);
}
END_TEST

/* The mean number of pixels that are cut out, counted over all places. */
START_TEST(cutout_has_its_area)
{
    enum { N = 20000 };
    struct batch b = make_batch("cutout 8", N, (struct fmnn_shape){1, 28, 28});
    double cut = 0, wanted = 0;
    memset(b.pixels, 1, N * b.size);
    augment(&b);
    for (size_t i = 0; i < N * b.size; i++)
        cut += b.out.pixels[i] == fill[0];
    for (int y = 0; y <= 28; y++) /* rows that are left of a side of 8 */
        wanted += (fmin(28, y + 4) - fmax(0, y - 4)) / 29;
    ck_assert_double_eq_tol(cut / N, wanted * wanted, 0.5);
    free_batch(&b);
}
END_TEST

/* Johnk's variates have the moments of the beta distribution: mean 1/2, variance 1/(8 A + 4). */
START_TEST(mixup_has_a_beta_distribution)
{
    enum { N = 20000 };
    static const struct {
        const char *text;
        double a;
    } cases[] = {{"mixup 1", 1}, {"mixup 0.5", 0.5}, {"mixup 0.2", 0.2}, {"mixup 0.01", 0.01}};
    struct batch b = make_batch(cases[_i].text, N, (struct fmnn_shape){1, 1, 2});
    double sum = 0, squares = 0, variance = 1 / (8 * cases[_i].a + 4);
    augment(&b);
    for (size_t n = 0; n < N; n++) {
        double share = b.out.share[n], off = share - 0.5;
        const uint8_t *other = b.from[N - 1 - n];
        for (size_t i = 0; i < 2; i++)
            ck_assert_int_eq(result(&b, n)[i],
                             (int)floor(share * b.from[n][i] + (1 - share) * other[i] + 0.5));
        sum += share;
        squares += off * off;
    }
    ck_assert_double_eq_tol(sum / N, 0.5, 5 * sqrt(variance / N));
    ck_assert_double_eq_tol(squares / N, variance, 0.02 * variance + 5 * variance / sqrt(N));
    free_batch(&b);
}
END_TEST

/* The mean share of the box in the definition: lambda uniform, half a side floor(14 sqrt(1 -
   lambda)), the centre uniform, clipped. */
static double mean_box(void)
{
    double mean = 0;
    for (int u = 0; u < 1000; u++) {
        int half = (int)(14 * sqrt((u + 0.5) / 1000));
        double side = 0;
        for (int x = 0; x < 28; x++)
            side += (fmin(28, x + half) - fmax(0, x - half)) / 28;
        mean += side * side / (28 * 28) / 1000;
    }
    return mean;
}

/* Both are flat images, so that the share can be counted, also in a batch of one and in the middle
   of an odd one, where an image is its own partner. */
START_TEST(cutmix_shares_are_pixels)
{
    static const size_t sizes[] = {1, 2, 33, 2000};
    struct batch b =
        make_batch("flip shift 2 cutmix 0.75", sizes[_i], (struct fmnn_shape){1, 28, 28});
    size_t images = sizes[_i], mixed = 0;
    double shares = 0;
    b.augment.count = 1; /* shift would bring zeros into the image */
    for (size_t n = 0; n < images; n++)
        memset(b.pixels + n * b.size, (int)(1 + n % 251), b.size);
    augment(&b);
    for (size_t n = 0; n < images; n++) {
        size_t partner = images - 1 - n, own = 0;
        uint8_t mine = b.from[n][0], other = b.from[partner][0];
        for (size_t i = 0; i < b.size; i++) {
            uint8_t got = result(&b, n)[i];
            ck_assert(got == mine || got == other);
            own += got == mine;
        }
        if (mine != other)
            ck_assert_double_eq((double)own / (double)b.size, b.out.share[n]);
        mixed += b.out.share[n] < 1;
        shares += b.out.share[n];
    }
    if (images == 2000) {
        ck_assert_double_le((double)mixed / 2000, 0.75 + 0.05); /* an empty box mixes nothing */
        ck_assert_double_ge((double)mixed / 2000, 0.75 - 0.06);
        ck_assert_double_eq_tol(shares / 2000, 1 - 0.75 * mean_box(), 0.03);
    }
    free_batch(&b);
}
END_TEST

/* A mixed image takes what its partner's augmentation shows. */
START_TEST(partners_are_augmented)
{
    struct fmnn_shape shape = {1, 10, 10};
    struct batch b = make_batch("shift 3 cutout 3 cutmix 1", 33, shape);
    struct batch plain = make_batch("shift 3 cutout 3", 33, shape);
    augment(&b);
    augment(&plain);
    for (size_t n = 0; n < b.images; n++)
        for (size_t i = 0; i < b.size; i++)
            ck_assert(result(&b, n)[i] == result(&plain, n)[i] ||
                      result(&b, n)[i] == result(&plain, 32 - n)[i]);
    free_batch(&b);
    free_batch(&plain);
}
END_TEST

START_TEST(means_are_rounded)
{
    uint8_t pixels[2 * 2 * 2] = {0, 1, 10, 11, 1, 0, 13, 12}, means[2];
    fm_augment_means(pixels, 2, (struct fmnn_shape){2, 1, 2}, means);
    ck_assert_int_eq(means[0], 1); /* 0.5 */
    ck_assert_int_eq(means[1], 12);
}
END_TEST

/* ---- training */

enum { ROWS = 33 };

static struct set make_set_of(const char *text, struct fmnn_shape shape)
{
    struct set set = {.net = make_net_for(text, shape, 4, 3)};
    set.train = make_data(set.net, ROWS, 2);
    set.valid = make_data(set.net, 10, 3);
    set.training = (struct fmnn_training){.threads = 2};
    set_option(&set, "keep", "last");
    set.recipe = (struct fmnn_recipe){.optimizer = "sgd", .lr = 0.05, .batch = 8, .epochs = 2};
    return set;
}

static struct set make_set(const char *text, size_t side)
{
    return make_set_of(text, (struct fmnn_shape){1, side, side});
}

/* Trains to the end; returns the metrics of the first epoch. */
static struct fmnn_epoch train(struct set *set)
{
    struct fmnn_error err;
    struct fmnn_trainer *trainer = make_trainer(set);
    run_to_end(trainer);
    struct fmnn_epoch epoch = *fmnn_trainer_epoch(trainer, 1);
    ck_assert_int_eq(fmnn_trainer_finish(trainer, &err), 0);
    fmnn_trainer_free(trainer);
    return epoch;
}

static void assert_same_weights(const struct set *a, const struct set *b)
{
    ck_assert_int_eq(memcmp(a->net->weights, b->net->weights, a->net->stored * sizeof(float)), 0);
}

static const char *const nets[] = {"dense 20 relu | dense classes",
                                   "conv 5 3x3 relu | dense classes"};

/* Training with augmentation equals training on images that were augmented before, whose masks of
   zero pixels are known to be good. */
START_TEST(training_sees_the_augmented_images)
{
    static const char *const texts[] = {"flip", "shift 3", "cutout 5", "erase 1",
                                        "flip random shift 2 cutout 4 erase 0.5"};
    struct fmnn_shape shape = {_i / 2 ? 3 : 1, 12, 12};
    size_t size = ROWS * fm_elements(shape);
    for (size_t k = 0; k < FM_COUNT(texts); k++) {
        struct set a = make_set_of(nets[_i % 2], shape), b = make_set_of(nets[_i % 2], shape);
        struct fmnn_error err;
        a.recipe.epochs = b.recipe.epochs = 1;
        set_option(&a, "augment", texts[k]);
        uint8_t *pixels = malloc(size);
        ck_assert_msg(fmnn_data_augment(a.train, &a.recipe, 0, 1, 0, ROWS, pixels, &err) == 0, "%s",
                      err.message);
        ck_assert_int_ne(memcmp(b.train->pixels, pixels, size), 0);
        memcpy(b.train->pixels, pixels, size);
        struct fmnn_epoch with = train(&a), without = train(&b);
        ck_assert(with.loss == without.loss && with.val_loss == without.val_loss);
        assert_same_weights(&a, &b);
        free(pixels);
        free_set(&a);
        free_set(&b);
    }
}
END_TEST

/* Rows of fmnn_data_augment() have their numbers, wherever the call begins. */
START_TEST(rows_keep_their_numbers)
{
    struct set set = make_set(nets[0], 12);
    struct fmnn_error err;
    uint8_t all[ROWS * 144], some[5 * 144];
    set_option(&set, "augment", "flip shift 2 erase 0.5");
    ck_assert_int_eq(fmnn_data_augment(set.train, &set.recipe, 7, 3, 0, ROWS, all, NULL), 0);
    ck_assert_int_eq(fmnn_data_augment(set.train, &set.recipe, 7, 3, 20, 5, some, NULL), 0);
    ck_assert_int_eq(memcmp(all + 20 * 144, some, sizeof some), 0);
    ck_assert_int_eq(fmnn_data_augment(set.train, &set.recipe, 7, 3, 30, 4, some, &err), -1);
    set_option(&set, "augment", "cutout 13");
    ck_assert_int_eq(fmnn_data_augment(set.train, &set.recipe, 7, 3, 0, 5, some, &err), -1);
    ck_assert_str_eq(err.message, "augment: cutout 13 is larger than the images, 12x12");
    set_option(&set, "augment", "none");
    ck_assert_int_eq(fmnn_data_augment(set.train, &set.recipe, 7, 3, 20, 5, some, NULL), 0);
    ck_assert_int_eq(memcmp(set.train->pixels + 20 * 144, some, sizeof some), 0);
    free_set(&set);
}
END_TEST

static void set_everything(struct set *set, bool mixup)
{
    set_option(set, "augment",
               mixup ? "mixup 0.5 flip random cutout 4" : "flip shift 2 erase 0.5 cutmix 0.75");
    set_option(set, "smooth", "0.1");
    set_option(set, "class-weights", "balanced");
}

START_TEST(threads_and_kernel_sets_do_not_matter)
{
    struct fmnn_shape shape = {_i / 4 ? 3 : 1, 12, 12};
    struct set wanted = make_set_of(nets[_i % 2], shape);
    set_everything(&wanted, _i / 2 % 2);
    wanted.training.threads = 1;
    train(&wanted);
    for (size_t k = 0; fmnn_kernels_at(k); k++)
        for (unsigned threads = 1; threads <= 3; threads++) {
            struct set got = make_set_of(nets[_i % 2], shape);
            set_everything(&got, _i / 2 % 2);
            got.training.threads = threads;
            got.training.kernels = fmnn_kernels_at(k);
            train(&got);
            assert_same_weights(&got, &wanted);
            free_set(&got);
        }
    free_set(&wanted);
}
END_TEST

START_TEST(resumed_in_mid_epoch)
{
    struct set wanted = make_set(nets[_i], 12);
    set_everything(&wanted, _i);
    train(&wanted);
    for (uint64_t cut = 1; cut < 10; cut += 2) {
        struct set got = make_set(nets[_i], 12);
        set_everything(&got, _i);
        struct fmnn_trainer *trainer = make_trainer(&got);
        trainer->slice_seconds = 0;
        while (trainer->step < cut)
            ck_assert_int_ge(fmnn_trainer_advance(trainer, NULL), 0);
        FILE *stream = fopen("checkpoint", "wb");
        ck_assert_int_eq(fmnn_trainer_save(trainer, stream, NULL), 0);
        fclose(stream);
        fmnn_trainer_free(trainer);
        trainer = make_trainer(&got);
        ck_assert_int_eq(fmnn_trainer_resume(trainer, "checkpoint", NULL), 0);
        while (fmnn_trainer_advance(trainer, NULL) != FMNN_DONE)
            continue;
        ck_assert_int_eq(fmnn_trainer_finish(trainer, NULL), 0);
        fmnn_trainer_free(trainer);
        assert_same_weights(&got, &wanted);
        free_set(&got);
    }
    free_set(&wanted);
}
END_TEST

START_TEST(validation_knows_nothing_of_it)
{
    static const char *const options[][2] = {{"augment", "flip shift 3 cutout 6"},
                                             {"augment", "cutmix 1"},
                                             {"augment", "mixup 1"},
                                             {"smooth", "0.3"},
                                             {"class-weights", "1,2,3,4"}};
    struct set plain = make_set(nets[0], 12);
    plain.recipe.lr = 1e-30;
    struct fmnn_epoch wanted = train(&plain);
    for (size_t i = 0; i < FM_COUNT(options); i++) {
        struct set set = make_set(nets[0], 12);
        set.recipe.lr = 1e-30;
        set_option(&set, options[i][0], options[i][1]);
        struct fmnn_epoch got = train(&set);
        ck_assert(got.val_loss == wanted.val_loss && got.val_accuracy == wanted.val_accuracy);
        ck_assert_double_ne(got.loss, wanted.loss);
        free_set(&set);
    }
    free_set(&plain);
}
END_TEST

START_TEST(without_it_nothing_changes)
{
    struct set plain = make_set(nets[_i], 12), set = make_set(nets[_i], 12);
    set_option(&set, "augment", "none");
    set_option(&set, "smooth", "0");
    set_option(&set, "class-weights", "none");
    train(&plain);
    train(&set);
    assert_same_weights(&plain, &set);
    ck_assert_str_eq(plain.net->training, set.net->training);
    free_set(&plain);
    free_set(&set);
}
END_TEST

/* ---- the loss */

static const struct {
    const char *augment, *smooth, *weights;
    double w[4];
} losses[] = {
    {"none", "0.1", "none", {1, 1, 1, 1}},
    {"none", "0.9", "none", {1, 1, 1, 1}},
    {"cutmix 1", "0", "none", {1, 1, 1, 1}},
    {"mixup 1", "0", "none", {1, 1, 1, 1}},
    {"flip shift 2 cutmix 0.75", "0.2", "none", {1, 1, 1, 1}},
    {"none", "0", "1,1,1,1", {1, 1, 1, 1}},
    {"none", "0", "2,0,0.5,1", {2, 0, 0.5, 1}},
    /* of 33 labels, which go in turn, 9 are 0, and 8 each of the others */
    {"none", "0", "balanced", {33.0 / 36, 33.0 / 32, 33.0 / 32, 33.0 / 32}},
    {"cutout 3 mixup 0.5", "0.1", "3,1,0.25,2", {3, 1, 0.25, 2}},
};

/* The target of one image, the share by which it counts, and its loss by the definition: minus the
   sum of target * log(probability). */
struct twin_target {
    double target[4], weight;
};

static struct twin_target target_of(size_t k, double share, size_t label, size_t other)
{
    double smooth = strtod(losses[k].smooth, NULL);
    double a = share * losses[k].w[label], b = (1 - share) * losses[k].w[other];
    struct twin_target t = {.weight = a + b};
    for (size_t c = 0; c < 4; c++)
        t.target[c] = (1 - smooth) * (a * (c == label) + b * (c == other)) + smooth * (a + b) / 4;
    return t;
}

static double loss_of(const struct twin_target *t, const double *logits, double *probabilities)
{
    double sum = 0, loss = 0;
    for (size_t c = 0; c < 4; c++)
        sum += exp(logits[c]);
    for (size_t c = 0; c < 4; c++) {
        loss -= t->target[c] * (logits[c] - log(sum));
        probabilities[c] = exp(logits[c]) / sum;
    }
    return loss;
}

/* What a step does is told by the biases of a single layer: their gradient is that of the logits,
   summed over the images. */
START_TEST(losses_and_gradients_by_definition)
{
    struct set set = make_set("dense classes", 9);
    set.recipe = (struct fmnn_recipe){.optimizer = "sgd", .lr = 1, .batch = ROWS, .epochs = 1};
    set_option(&set, "augment", losses[_i].augment);
    set_option(&set, "smooth", losses[_i].smooth);
    set_option(&set, "class-weights", losses[_i].weights);
    struct fmnn_trainer *trainer = make_trainer(&set);
    struct twin twin = make_twin(set.net);
    struct batch b = make_batch(losses[_i].augment, ROWS, set.net->shape);
    for (size_t n = 0; n < ROWS; n++) {
        b.index[n] = trainer->order[n];
        b.from[n] = set.train->pixels + b.index[n] * 81;
        b.out.share[n] = 1;
    }
    b.seed = 0;
    b.out.fill = trainer->augmented.fill;
    augment(&b);
    double loss = 0, gradient[4] = {0}, correct = 0;
    for (size_t n = 0; n < ROWS; n++) {
        double logits[4], p[4], moved[4], unused[4];
        size_t label = set.train->labels[b.index[n]];
        size_t other = set.train->labels[b.index[ROWS - 1 - n]], best = 0;
        struct twin_target t = target_of((size_t)_i, b.out.share[n], label, other);
        twin_forward(&twin, result(&b, n), 1, false, logits);
        loss += loss_of(&t, logits, p) / ROWS;
        double total = 0;
        for (size_t c = 0; c < 4; c++) {
            memcpy(moved, logits, sizeof moved);
            moved[c] += 1e-5;
            double up = loss_of(&t, moved, unused);
            moved[c] -= 2e-5;
            double slope = (up - loss_of(&t, moved, unused)) / 2e-5;
            ck_assert_double_eq_tol(slope, t.weight * p[c] - t.target[c], 1e-8);
            gradient[c] += slope / ROWS;
            total += t.target[c];
            best = p[c] > p[best] ? c : best;
        }
        ck_assert_double_eq_tol(total, t.weight, 1e-12);
        correct += best == (b.out.share[n] < 0.5 ? other : label);
    }
    float before[4], after[4];
    fmnn_net_get(set.net, 1, before);
    while (fmnn_trainer_advance(trainer, NULL) != FMNN_DONE)
        continue;
    fmnn_net_get(set.net, 1, after);
    ck_assert_double_eq_tol(fmnn_trainer_epoch(trainer, 1)->loss, loss, 1e-6);
    ck_assert_double_eq_tol(fmnn_trainer_epoch(trainer, 1)->accuracy, correct / ROWS, 1e-12);
    double sum = 0;
    for (size_t c = 0; c < 4; c++) {
        double change = (double)(before[c] - after[c]);
        ck_assert_double_eq_tol(change, gradient[c], 1e-6);
        sum += change;
    }
    ck_assert_double_eq_tol(sum, 0, 1e-6);
    fmnn_trainer_free(trainer);
    free_batch(&b);
    free_twin(&twin);
    free_set(&set);
}
END_TEST

/* The last batch of 33 rows has a single image, which is its own partner. */
START_TEST(batches_of_one_are_mixed)
{
    struct set set = make_set("dense classes", 9), plain = make_set("dense classes", 9);
    set.recipe.batch = plain.recipe.batch = 1;
    set_option(&set, "augment", _i ? "mixup 1" : "cutmix 1");
    struct fmnn_epoch got = train(&set), wanted = train(&plain);
    ck_assert_double_eq_tol(got.loss, wanted.loss, 1e-5);
    ck_assert_double_eq_tol(got.accuracy, wanted.accuracy, 1e-12);
    set.recipe.batch = 32;
    got = train(&set);
    ck_assert(isfinite(got.loss));
    free_set(&set);
    free_set(&plain);
}
END_TEST

/* Lists for a thousand classes, of numbers with all digits, are kept, recorded, and used. */
START_TEST(class_weights_of_many_classes)
{
    enum { K = 1000 };
    static char list[FM_MAX_LIST + K], json[FM_MAX_RECORD], lines[FM_MAX_RECORD];
    struct fmnn_error err;
    struct set set = make_set("dense classes", 9);
    uint16_t label = 0;
    float *weights;
    for (int i = 0; i < K; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%.9g", i ? "," : "",
                 1.23456789e-05 * (i + 1));
    ck_assert_uint_gt(strlen(list), 10 * K);
    set_option(&set, "class-weights", list);
    char *value = fmnn_recipe_get(&set.recipe, "class-weights", NULL);
    ck_assert_str_eq(value, list);
    fm_recipe_json(&set.recipe, json);
    fm_recipe_identity(&set.recipe, lines);
    ck_assert(strstr(json, list) && strstr(lines, list));
    ck_assert_int_eq(fm_class_weights_make(value, &label, 1, K, &weights, NULL), 0);
    ck_assert(weights[K - 1] == (float)0.0123456789);
    free(weights);
    free(value);
    snprintf(list, sizeof list, "%*d", FM_MAX_LIST, 1);
    ck_assert_int_eq(fmnn_recipe_set(&set.recipe, "class-weights", list, &err), -1);
    ck_assert_str_eq(err.message, "class-weights: the text has more than 16383 bytes");
    snprintf(list, sizeof list, "1,0.%0200d", 1); /* a number that is too long is not cut */
    ck_assert_int_eq(fmnn_recipe_set(&set.recipe, "class-weights", list, &err), -1);
    ck_assert_int_eq(fmnn_recipe_set(&set.recipe, "augment", list, &err), -1);
    ck_assert_str_eq(err.message, "augment: the text has more than 127 bytes");
    free_set(&set);
}
END_TEST

START_TEST(wrong_class_weights_are_refused)
{
    static const char *const texts[][2] = {
        {"balance", "class-weights: 'balance' is neither a number nor balanced or none"},
        {"1,,2", "class-weights: '' is neither a number"},
        {"1,2,", "class-weights: '' is neither a number"},
        {"1,-2", "class-weights: -2 is not in 0..1e+06"},
        {"1,nan", "class-weights: 'nan' is neither"},
        {"0,0,0", "class-weights: all weights are 0"},
    };
    struct fmnn_error err;
    struct set set = make_set("dense classes", 9);
    for (size_t i = 0; i < FM_COUNT(texts); i++) {
        ck_assert_int_eq(fmnn_recipe_set(&set.recipe, "class-weights", texts[i][0], &err), -1);
        ck_assert_msg(!strncmp(err.message, texts[i][1], strlen(texts[i][1])), "%s", err.message);
    }
    set_option(&set, "class-weights", "1,2,3");
    set.training.recipe = &set.recipe;
    ck_assert_ptr_null(fmnn_trainer_new(set.net, set.train, NULL, &set.training, &err));
    ck_assert_str_eq(err.message, "class-weights: 3 weights for 4 classes");
    ck_assert_int_eq(fmnn_recipe_set(&set.recipe, "smooth", "1", &err), -1);
    ck_assert_str_eq(err.message, "smooth 1 is not below 1");
    free_set(&set);
}
END_TEST

/* A class without rows has weight 0, and the others count as if there were it. */
START_TEST(balanced_weights_of_an_absent_class)
{
    struct set set = make_set("dense classes", 9);
    for (size_t i = 0; i < ROWS; i++)
        set.train->labels[i] = i < 11 ? 0 : 2;
    set_option(&set, "class-weights", "balanced");
    struct fmnn_trainer *trainer = make_trainer(&set);
    ck_assert(trainer->class_weights[0] == 33 / 44.0f);
    ck_assert(trainer->class_weights[1] == 0);
    ck_assert(trainer->class_weights[2] == 33 / 88.0f);
    fmnn_trainer_free(trainer);
    free_set(&set);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("augment");
    tcase_add_test(tc, text_is_read_and_written);
    tcase_add_test(tc, wrong_text_is_refused);
    tcase_add_test(tc, parts_larger_than_the_image_are_refused);
    tcase_add_loop_test(tc, kinds_do_what_they_say, 0, (int)FM_COUNT(kinds));
    tcase_add_test(tc, tiny_images_are_augmented);
    tcase_add_test(tc, parts_are_applied_in_their_order);
    tcase_add_loop_test(tc, equal_images_differ_by_row_and_epoch, 0, 5);
    tcase_add_test(tc, images_do_not_depend_on_their_batch);
    tcase_add_test(tc, streams_are_distinct);
    tcase_add_loop_test(tc, half_of_the_images_are_flipped, 0, 2);
    tcase_add_test(tc, all_shifts_are_equally_likely);
    tcase_add_test(tc, cutout_has_its_area);
    tcase_add_loop_test(tc, mixup_has_a_beta_distribution, 0, 4);
    tcase_add_loop_test(tc, cutmix_shares_are_pixels, 0, 4);
    tcase_add_test(tc, partners_are_augmented);
    tcase_add_test(tc, means_are_rounded);
    tcase_add_loop_test(tc, training_sees_the_augmented_images, 0, 4);
    tcase_add_test(tc, rows_keep_their_numbers);
    tcase_add_loop_test(tc, threads_and_kernel_sets_do_not_matter, 0, 8);
    tcase_add_loop_test(tc, resumed_in_mid_epoch, 0, 2);
    tcase_add_test(tc, validation_knows_nothing_of_it);
    tcase_add_loop_test(tc, without_it_nothing_changes, 0, 2);
    tcase_add_loop_test(tc, losses_and_gradients_by_definition, 0, (int)FM_COUNT(losses));
    tcase_add_loop_test(tc, batches_of_one_are_mixed, 0, 2);
    tcase_add_test(tc, class_weights_of_many_classes);
    tcase_add_test(tc, wrong_class_weights_are_refused);
    tcase_add_test(tc, balanced_weights_of_an_absent_class);
    scratch_enter();
    int status = run_tests("augment", tc);
    scratch_leave();
    return status;
}
