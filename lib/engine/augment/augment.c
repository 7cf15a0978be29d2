/* augment.c -- the text of an augmentation, and how it goes over a batch. */
#include "engine/augment/augment-kind.h"

#include <stdio.h>

/* ---- 1. text */

static int unknown_word(const char *word, struct fmnn_error *err)
{
    const char *names[16] = {"none"};
    for (size_t i = 0; fm_augment_kinds[i].name; i++)
        names[i + 1] = fm_augment_kinds[i].name;
    return fm_fail_unknown(err, "augment: unknown", word, names);
}

static const struct fm_augment_kind *find_kind(const char *word)
{
    for (size_t i = 0; fm_augment_kinds[i].name; i++)
        if (!strcmp(fm_augment_kinds[i].name, word))
            return &fm_augment_kinds[i];
    return NULL;
}

static bool is_whole(double number)
{
    return number == (double)(unsigned)number;
}

static int check_argument(const struct fm_augment_part *part, const char *word,
                          struct fmnn_error *err)
{
    const char *name = part->kind->name;
    double number = part->number;
    switch (part->kind->argument) {
    case FM_AUGMENT_PIXELS:
        if (number < 1 || number > FMNN_MAX_SIDE || !is_whole(number))
            return fm_fail(err, FMNN_USAGE, "augment: %s %s is not a whole number from 1 to %d",
                           name, word, FMNN_MAX_SIDE);
        return 0;
    case FM_AUGMENT_PROBABILITY:
        if (number < 0 || number > 1)
            return fm_fail(err, FMNN_USAGE, "augment: %s %s is not a probability, 0 to 1", name,
                           word);
        return 0;
    case FM_AUGMENT_INVERSE: {
        bool within = number >= 0.999 / FM_MAX_INVERSE && number <= 1;
        double inverse = within ? 1 / number : 0, nearest = (double)(unsigned)(inverse + 0.5);
        if (!within || inverse - nearest > 1e-3 || nearest - inverse > 1e-3)
            return fm_fail(err, FMNN_USAGE,
                           "augment: %s %s is not 1 divided by a whole number up to %d, such as "
                           "0.2 or 1",
                           name, word, FM_MAX_INVERSE);
        return 0;
    }
    case FM_AUGMENT_NOTHING:
        return 0;
    }
    return 0;
}

enum { WORD = 128 }; /* a setting's text is shorter */

static bool next_word(const char **rest, char word[WORD])
{
    return fm_cut_word(rest, " \t", word, WORD);
}

/* What follows the name of a kind. */
static int parse_part(struct fm_augment_part *part, const char **rest, struct fmnn_error *err)
{
    const struct fm_augment_kind *kind = part->kind;
    const char *ahead = *rest;
    char word[WORD];
    if (kind->option && next_word(&ahead, word) && !strcmp(word, kind->option)) {
        part->option = true;
        *rest = ahead;
    }
    if (kind->argument == FM_AUGMENT_NOTHING)
        return 0;
    if (!next_word(rest, word))
        return fm_fail(err, FMNN_USAGE, "augment: '%s' takes a number", kind->name);
    if (!fm_parse_double(word, &part->number))
        return fm_fail(err, FMNN_USAGE, "augment: %s '%s' is not a number", kind->name, word);
    return check_argument(part, word, err);
}

static int add_part(struct fm_augment *augment, const struct fm_augment_part *part,
                    struct fmnn_error *err)
{
    for (size_t i = 0; i < augment->count; i++)
        if (augment->part[i].kind == part->kind)
            return fm_fail(err, FMNN_USAGE, "augment: '%s' twice", part->kind->name);
    if (!part->kind->mix) {
        assert(augment->count < FM_MAX_AUGMENT_PARTS); /* each kind comes once */
        augment->part[augment->count++] = *part;
        return 0;
    }
    if (augment->mix.kind == part->kind)
        return fm_fail(err, FMNN_USAGE, "augment: '%s' twice", part->kind->name);
    if (augment->mix.kind)
        return fm_fail(err, FMNN_USAGE, "augment: '%s' and '%s' exclude each other",
                       augment->mix.kind->name, part->kind->name);
    augment->mix = *part;
    return 0;
}

int fm_augment_parse(struct fm_augment *augment, const char *text, struct fmnn_error *err)
{
    char word[WORD];
    bool none = false;
    *augment = (struct fm_augment){.count = 0};
    for (size_t i = 0; next_word(&text, word); i++) {
        if (none || (i > 0 && !strcmp(word, "none")))
            return fm_fail(err, FMNN_USAGE, "augment: 'none' stands alone");
        none = !strcmp(word, "none");
        struct fm_augment_part part = {.kind = find_kind(word)};
        if (none)
            continue;
        if (!part.kind)
            return unknown_word(word, err);
        if (parse_part(&part, &text, err) != 0 || add_part(augment, &part, err) != 0)
            return -1;
    }
    return 0;
}

static void print_part(const struct fm_augment_part *part, char *text, size_t size)
{
    char number[32] = "";
    size_t used = strlen(text);
    if (part->kind->argument != FM_AUGMENT_NOTHING)
        fmnn_format_number(number, part->number);
    snprintf(text + used, size - used, "%s%s%s%s%s%s", used ? " " : "", part->kind->name,
             part->option ? " " : "", part->option ? part->kind->option : "", *number ? " " : "",
             number);
}

void fm_augment_print(const struct fm_augment *augment, char *text, size_t size)
{
    *text = '\0';
    for (size_t i = 0; i < augment->count; i++)
        print_part(&augment->part[i], text, size);
    if (augment->mix.kind)
        print_part(&augment->mix, text, size);
    if (!*text)
        snprintf(text, size, "none");
}

/* ---- 2. images */

int fm_augment_check(const struct fm_augment *augment, struct fmnn_shape shape,
                     struct fmnn_error *err)
{
    for (size_t i = 0; i < augment->count; i++) {
        const struct fm_augment_part *part = &augment->part[i];
        if (part->kind->argument == FM_AUGMENT_PIXELS &&
            (part->number > (double)shape.height || part->number > (double)shape.width))
            return fm_fail(err, FMNN_USAGE, "augment: %s %g is larger than the images, %zux%zu",
                           part->kind->name, part->number, shape.height, shape.width);
    }
    return 0;
}

bool fm_augment_fills(const struct fm_augment *augment)
{
    for (size_t i = 0; i < augment->count; i++)
        if (augment->part[i].kind->fills)
            return true;
    return false;
}

void fm_augment_means(const uint8_t *pixels, size_t count, struct fmnn_shape shape, uint8_t *means)
{
    size_t size = shape.height * shape.width;
    for (size_t c = 0; c < shape.channels; c++) {
        uint64_t sum = 0, all = (uint64_t)size * count;
        for (size_t n = 0; n < count; n++)
            for (size_t i = 0; i < size; i++)
                sum += pixels[(n * shape.channels + c) * size + i];
        means[c] = (uint8_t)(all ? (sum + all / 2) / all : 0);
    }
}

/* ---- 3. a batch */

static void change(const struct fm_augment *augment, const struct fm_augment_image *image,
                   const uint8_t *from)
{
    memcpy(image->pixels, from, image->shape.channels * image->shape.height * image->shape.width);
    for (size_t i = 0; i < augment->count; i++)
        augment->part[i].kind->apply(&augment->part[i], image);
}

/* An image's partner may be the work of another thread, so it is made here once more. */
void fm_augment_one(const struct fm_augment_batch *batch, uint64_t seed, uint32_t epoch,
                    const uint8_t *const *from, const uint32_t *index, size_t images, size_t n)
{
    struct fmnn_shape s = batch->shape;
    size_t size = s.channels * s.height * s.width, other = fm_augment_partner(images, n);
    const struct fm_augment_part *mix = &batch->augment->mix;
    struct fm_augment_image image = {
        batch->pixels + n * size, s, seed, epoch, index[n], batch->fill};
    change(batch->augment, &image, from[n]);
    if (!mix->kind)
        return;
    struct fm_augment_image partner = image;
    partner.pixels = batch->partner + n * size;
    partner.row = index[other];
    change(batch->augment, &partner, from[other]);
    batch->share[n] = mix->kind->mix(mix, &image, partner.pixels);
}
