/* augment-kinds.c -- what each kind of augmentation does to an image. */
#include "engine/augment/augment-kind.h"

#include "base/rng.h"

/* ---- random numbers and boxes */

/* The draw-th number of an image for a purpose, counted from 0. */
static uint64_t draw(const struct fm_augment_image *image, enum fm_purpose purpose, uint32_t number)
{
    return fm_random(image->seed, purpose, image->epoch, (uint64_t)number << 32 | image->row);
}

/* Whether an event of this probability happens. */
static bool happens(uint64_t bits, double probability)
{
    return (double)(bits >> 11) < probability * 9007199254740992.0;
}

/* Two numbers below y and x from one draw. */
static void draw_place(uint64_t bits, size_t below_y, size_t below_x, size_t *y, size_t *x)
{
    *y = (size_t)fm_random_below(bits, below_y);
    *x = (size_t)fm_random_below(bits << 32, below_x);
}

/* Rows top .. bottom - 1, columns left .. right - 1. */
struct box {
    size_t top, bottom, left, right;
};

/* A box of h x w pixels from pixel (y - before_y, x - before_x) on, clipped at the edge. */
static struct box clipped_box(struct fmnn_shape shape, size_t y, size_t x, size_t before_y,
                              size_t before_x, size_t h, size_t w)
{
    struct box box = {.top = y > before_y ? y - before_y : 0,
                      .bottom = y + h > before_y ? y + h - before_y : 0,
                      .left = x > before_x ? x - before_x : 0,
                      .right = x + w > before_x ? x + w - before_x : 0};
    box.bottom = box.bottom < shape.height ? box.bottom : shape.height;
    box.right = box.right < shape.width ? box.right : shape.width;
    return box;
}

static void fill_box(const struct fm_augment_image *image, struct box box)
{
    struct fmnn_shape s = image->shape;
    for (size_t c = 0; c < s.channels; c++)
        for (size_t y = box.top; y < box.bottom; y++)
            memset(image->pixels + (c * s.height + y) * s.width + box.left, image->fill[c],
                   box.right - box.left);
}

/* The square root, rounded down. */
static uint64_t whole_root(uint64_t x)
{
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 62; bit; bit >>= 2) {
        if (x >= root + bit) {
            x -= root + bit;
            root = root / 2 + bit;
        } else {
            root /= 2;
        }
    }
    return root;
}

/* ---- flip, shift */

/* Alternating: a coin for the row says whether its image is flipped in odd epochs or in even ones.
   Random: a coin for each epoch. */
static void flip(const struct fm_augment_part *part, const struct fm_augment_image *image)
{
    struct fmnn_shape s = image->shape;
    uint64_t coin = part->option
                        ? draw(image, FM_RNG_FLIP, 0)
                        : fm_random(image->seed, FM_RNG_FLIP, 0, image->row) ^ image->epoch;
    if (!(coin & 1))
        return;
    for (size_t y = 0; y < s.channels * s.height; y++) {
        uint8_t *row = image->pixels + y * s.width;
        for (size_t x = 0; x < s.width / 2; x++) {
            uint8_t keep = row[x];
            row[x] = row[s.width - 1 - x];
            row[s.width - 1 - x] = keep;
        }
    }
}

/* Moves the rows of a plane by y - n and its columns by x - n, and fills with zeros. */
static void move_plane(uint8_t *plane, size_t height, size_t width, size_t y, size_t x, size_t n)
{
    size_t down = y > n ? y - n : 0, up = n > y ? n - y : 0;
    size_t right = x > n ? x - n : 0, left = n > x ? n - x : 0;
    for (size_t i = 0; i < height; i++) {
        size_t row = down ? height - 1 - i : i; /* from the end that moves first */
        uint8_t *to = plane + row * width;
        if (row < down || row + up >= height) {
            memset(to, 0, width);
            continue;
        }
        memmove(to + right, plane + (row - down + up) * width + left, width - right - left);
        memset(to, 0, right);
        memset(to + width - left, 0, left);
    }
}

static void shift(const struct fm_augment_part *part, const struct fm_augment_image *image)
{
    struct fmnn_shape s = image->shape;
    size_t n = (size_t)part->number, y, x;
    draw_place(draw(image, FM_RNG_SHIFT, 0), 2 * n + 1, 2 * n + 1, &y, &x);
    for (size_t c = 0; c < s.channels; c++)
        move_plane(image->pixels + c * s.height * s.width, s.height, s.width, y, x, n);
}

/* ---- cutout, erase */

/* The centre of the square is any pixel; if its side is even, any corner of pixels. */
static void cutout(const struct fm_augment_part *part, const struct fm_augment_image *image)
{
    struct fmnn_shape s = image->shape;
    size_t n = (size_t)part->number, corner = n % 2 == 0, y, x;
    draw_place(draw(image, FM_RNG_CUTOUT, 0), s.height + corner, s.width + corner, &y, &x);
    fill_box(image, clipped_box(s, y, x, n / 2, n / 2, n, n));
}

/* 11^u in 1/65536ths, for u in 1/4096ths: a product of roots of 11. */
static uint64_t power_of_eleven(unsigned u)
{
    /* 11^(1/2), 11^(1/4), ... in 2^-30ths */
    static const uint64_t root[12] = {3561198752, 1955455968, 1449018584, 1247345925,
                                      1157293173, 1114734983, 1094046422, 1083846576,
                                      1078782369, 1076259146, 1074999748, 1074370602};
    uint64_t power = UINT64_C(1) << 30;
    for (int i = 0; i < 12; i++)
        if (u >> (11 - i) & 1)
            power = power * root[i] >> 30;
    return power >> 14;
}

/* The root of x / 2^32, rounded to the nearest whole number. */
static size_t rounded_root(uint64_t x)
{
    return (size_t)((whole_root(x) + 32768) >> 16);
}

/* The sides of a random box: 2 to 33 % of the area, height to width 0.3 to 3.3. The area is
   uniform, the ratio's logarithm is uniform. */
static void draw_sides(uint64_t bits, struct fmnn_shape s, size_t *h, size_t *w)
{
    uint64_t u = bits >> 32;
    uint64_t area = s.height * s.width * ((UINT64_C(2) << 32) + 31 * u) / 100 >> 16; /* 2^-16ths */
    uint64_t ratio = power_of_eleven((unsigned)(bits & 4095)) * 3 / 10;              /* the same */
    *h = rounded_root(area * ratio);
    *w = rounded_root(((area << 24) / ratio) << 8);
}

/* As torchvision's RandomErasing: ten tries to find a box that is smaller than the image. */
static void erase(const struct fm_augment_part *part, const struct fm_augment_image *image)
{
    enum { TRIES = 10 };
    struct fmnn_shape s = image->shape;
    if (!happens(draw(image, FM_RNG_ERASE, 0), part->number))
        return;
    for (uint32_t try = 0; try < TRIES; try++) {
        size_t h, w, y, x;
        draw_sides(draw(image, FM_RNG_ERASE, 1 + 2 * try), s, &h, &w);
        if (h >= s.height || w >= s.width)
            continue;
        draw_place(draw(image, FM_RNG_ERASE, 2 + 2 * try), s.height - h + 1, s.width - w + 1, &y,
                   &x);
        fill_box(image, (struct box){y, y + h, x, x + w});
        return;
    }
}

/* ---- mixing */

/* The image keeps its pixels outside a box. The box has the share 1 - lambda of the area, lambda
   uniform in 0 .. 1, before it is clipped; its centre is any pixel. What counts is the pixels. */
static double cutmix(const struct fm_augment_part *part, const struct fm_augment_image *image,
                     const uint8_t *partner)
{
    struct fmnn_shape s = image->shape;
    if (!happens(draw(image, FM_RNG_MIX, 0), part->number))
        return 1;
    uint64_t side = whole_root(draw(image, FM_RNG_MIX, 1)); /* of the box, in 2^-32ths */
    size_t half_h = (size_t)(s.height * side >> 33), half_w = (size_t)(s.width * side >> 33), y, x;
    draw_place(draw(image, FM_RNG_MIX, 2), s.height, s.width, &y, &x);
    struct box box = clipped_box(s, y, x, half_h, half_w, 2 * half_h, 2 * half_w);
    for (size_t c = 0; c < s.channels; c++)
        for (size_t row = box.top; row < box.bottom; row++) {
            size_t at = (c * s.height + row) * s.width + box.left;
            memcpy(image->pixels + at, partner + at, box.right - box.left);
        }
    size_t all = s.height * s.width, boxed = (box.bottom - box.top) * (box.right - box.left);
    return (double)(all - boxed) / (double)all;
}

static double power(double x, unsigned exponent)
{
    double product = 1;
    for (unsigned i = 0; i < exponent; i++)
        product *= x;
    return product;
}

/* A number between 0 and 1, neither of them. */
static double fraction(uint64_t bits)
{
    return ((double)(bits >> 11) + 0.5) / 9007199254740992.0;
}

/* Beta(1/k,1/k): M. D. Johnk, "Erzeugung von betaverteilten und gammaverteilten Zufallszahlen",
   Metrika 8 (1964). In 65536ths. */
static unsigned draw_beta(const struct fm_augment_image *image, unsigned k)
{
    for (uint32_t i = 0;; i++) {
        double x = power(fraction(draw(image, FM_RNG_MIX, 2 * i)), k);
        double y = power(fraction(draw(image, FM_RNG_MIX, 2 * i + 1)), k);
        if (x + y > 0 && x + y <= 1)
            return (unsigned)(x / (x + y) * 65536 + 0.5);
    }
}

/* A pixel is rounded to the nearest whole number, halves upwards. */
static double mixup(const struct fm_augment_part *part, const struct fm_augment_image *image,
                    const uint8_t *partner)
{
    unsigned own = draw_beta(image, (unsigned)(1 / part->number + 0.5)), other = 65536 - own;
    size_t size = image->shape.channels * image->shape.height * image->shape.width;
    for (size_t i = 0; i < size; i++)
        image->pixels[i] = (uint8_t)((own * image->pixels[i] + other * partner[i] + 32768) >> 16);
    return own / 65536.0;
}

/* ---- the table */

const struct fm_augment_kind fm_augment_kinds[] = {
    {"flip", .option = "random", .apply = flip},
    {"shift", .argument = FM_AUGMENT_PIXELS, .apply = shift},
    {"cutout", .argument = FM_AUGMENT_PIXELS, .fills = true, .apply = cutout},
    {"erase", .argument = FM_AUGMENT_PROBABILITY, .fills = true, .apply = erase},
    {"cutmix", .argument = FM_AUGMENT_PROBABILITY, .mix = cutmix},
    {"mixup", .argument = FM_AUGMENT_INVERSE, .mix = mixup},
    {0},
};
