/* split-rows.c -- rows of folders and tables, and which of them validate or test. */
#include "split/fm-split.h"

#include <xxhash.h>

const char *const split_names[] = {"train", "valid", "test", NULL};

struct row *add_row(struct rows *rows)
{
    xgrow((void **)&rows->row, &rows->capacity, rows->count + 1, sizeof *rows->row);
    struct row *row = &rows->row[rows->count++];
    *row = (struct row){.class = NO_CLASS, .split = TRAIN};
    return row;
}

void free_rows(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        free(rows->row[i].image);
        free(rows->row[i].before);
        free(rows->row[i].after);
    }
    free(rows->row);
}

/* ---- choosing */

static size_t count_split(const struct rows *rows, int split)
{
    size_t count = 0;
    for (size_t i = 0; i < rows->count; i++)
        count += !rows->row[i].dropped && rows->row[i].split == split;
    return count;
}

/* Gives some of the training rows another split. Rows without a class cannot be trained on, so they
   are not chosen. */
static void choose(struct rows *rows, const struct fmnn_split *how, int split, const char *option)
{
    struct fmnn_error error;
    size_t n = 0;
    size_t *from = xcalloc(rows->count, sizeof *from);
    uint16_t *label = xcalloc(rows->count, sizeof *label);
    uint8_t *chosen = xcalloc(rows->count, 1);
    for (size_t i = 0; i < rows->count; i++)
        if (!rows->row[i].dropped && rows->row[i].split == TRAIN && rows->row[i].class >= 0) {
            label[n] = (uint16_t)rows->row[i].class;
            from[n++] = i;
        }
    if (fmnn_split_choose(how, label, n, chosen, &error) != 0)
        die("%s: %s", option, error.message);
    for (size_t i = 0; i < n; i++)
        if (chosen[i])
            rows->row[from[i]].split = split;
    free(from);
    free(label);
    free(chosen);
}

size_t default_valid(size_t rows)
{
    return rows == 60000 ? 5000 : rows / 12;
}

void note_missing(const char *what, size_t classes, const size_t *train, const size_t *valid,
                  const char *hint)
{
    const size_t *count[2] = {[TRAIN] = train, [VALID] = valid};
    size_t rows[2] = {0}, missing[2] = {0}, occur = 0;
    for (size_t c = 0; c < classes; c++) {
        occur += train[c] || valid[c];
        for (int split = TRAIN; split <= VALID; split++) {
            rows[split] += count[split][c];
            missing[split] += !count[split][c] && count[VALID - split][c];
        }
    }
    for (int split = VALID; split >= TRAIN; split--)
        if (missing[split] && rows[split] >= occur)
            note("%s: %zu of %zu classes have no row of split '%s'%s", what, missing[split], occur,
                 split_names[split], hint);
}

static void count_missing(const struct rows *rows, const char *what)
{
    size_t *count[2] = {xcalloc(rows->classes, sizeof(size_t)),
                        xcalloc(rows->classes, sizeof(size_t))};
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        if (!row->dropped && row->class >= 0 && row->split <= VALID)
            count[row->split][row->class]++;
    }
    note_missing(what, rows->classes, count[TRAIN], count[VALID], "");
    free(count[TRAIN]);
    free(count[VALID]);
}

void choose_splits(struct rows *rows, struct settings *settings, const char *what)
{
    bool asked = option_given("valid") || settings->split.folds;
    if (option_given("test")) {
        if (count_split(rows, TEST))
            usage_error("--test: %s already has rows of split 'test'", what);
        settings->test.seed = settings->split.seed;
        settings->test.shuffle = settings->test.stratify = true;
        choose(rows, &settings->test, TEST, "--test");
    }
    for (size_t i = 0; asked && i < rows->count; i++)
        if (rows->row[i].split == VALID)
            rows->row[i].split = TRAIN;
    settings->split.shuffle = settings->split.stratify = true;
    if (!asked)
        settings->split.valid = default_valid(count_split(rows, TRAIN));
    if (asked || !count_split(rows, VALID))
        choose(rows, &settings->split, VALID, settings->split.folds ? "--folds" : "--valid");
    count_missing(rows, what);
}

/* ---- duplicates */

/* What identifies an image: its shape and 128 bits of its pixels. */
struct print {
    struct fmnn_shape shape;
    XXH128_hash_t hash;
    size_t row;
    int rank; /* rows of the test set come first: the others are dropped */
};

static struct print print_of(struct fmnn_images *images, const char *image, size_t row)
{
    struct fmnn_error error;
    struct print print = {.row = row};
    if (fmnn_images_shape(images, image, &print.shape, &error) != 0)
        die_error(&error);
    size_t size = print.shape.channels * print.shape.height * print.shape.width;
    uint8_t *pixels = xcalloc(size, 1);
    if (fmnn_images_read(images, image, print.shape, pixels, &error) != 0)
        die_error(&error);
    print.hash = XXH3_128bits(pixels, size);
    free(pixels);
    return print;
}

static int compare_pixels(const struct print *a, const struct print *b)
{
    uint64_t x[] = {a->hash.low64, a->hash.high64, a->shape.channels, a->shape.height,
                    a->shape.width};
    uint64_t y[] = {b->hash.low64, b->hash.high64, b->shape.channels, b->shape.height,
                    b->shape.width};
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

static int compare_prints(const void *left, const void *right)
{
    const struct print *a = left, *b = right;
    int pixels = compare_pixels(a, b);
    if (pixels)
        return pixels;
    if (a->rank != b->rank)
        return a->rank - b->rank;
    return a->row < b->row ? -1 : 1;
}

void find_duplicates(struct rows *rows, const struct settings *settings)
{
    if (settings->duplicates == KEEP_DUPLICATES)
        return;
    struct fmnn_images *images = open_images(settings->data);
    struct print *print = xcalloc(rows->count, sizeof *print);
    for (size_t i = 0; i < rows->count; i++) {
        print[i] = print_of(images, rows->row[i].image, i);
        print[i].rank = rows->row[i].split == TEST ? 0 : rows->row[i].split == VALID ? 1 : 2;
    }
    qsort(print, rows->count, sizeof *print, compare_prints);
    for (size_t i = 1, first = 0; i < rows->count; i++) {
        if (compare_pixels(&print[i], &print[first]) != 0) {
            first = i;
            continue;
        }
        rows->row[print[i].row].equal = print[first].row + 1;
        rows->row[print[i].row].dropped = settings->duplicates == DROP_DUPLICATES;
    }
    free(print);
    fmnn_images_free(images);
}

void report_duplicates(const struct rows *rows, const struct settings *settings, const char *what)
{
    size_t equal = 0, across = 0, labels = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        if (!row->equal)
            continue;
        const struct row *first = &rows->row[row->equal - 1];
        equal++;
        across += row->split != first->split;
        labels += row->class != first->class;
    }
    if (settings->duplicates == REPORT_DUPLICATES)
        note(
            "%s: %zu images have the pixels of another one: %zu of them in another split, %zu with "
            "another label; see the column duplicate_of",
            what, equal, across, labels);
    else if (settings->duplicates == DROP_DUPLICATES)
        note(
            "%s: %zu images dropped, which have the pixels of another one; %zu of them had another "
            "label",
            what, equal, labels);
}

void print_equal(const struct rows *rows, const struct row *row, const struct settings *settings)
{
    if (settings->duplicates == REPORT_DUPLICATES)
        printf("\t%s", row->equal ? rows->row[row->equal - 1].image : "");
}

/* ---- writing */

bool is_written(struct rows *rows, const struct row *row, const struct settings *settings)
{
    if (row->dropped)
        return false;
    if (row->split == OTHER)
        return !option_given("only");
    return settings->wanted[row->split] && rows->written[row->split]++ < settings->limit;
}

void say_written(const struct rows *rows, const char *what)
{
    uint64_t n[SPLITS] = {0};
    for (int i = 0; i < SPLITS; i++)
        n[i] = rows->written[i];
    info("%s: %llu train, %llu valid, %llu test", what, (unsigned long long)n[TRAIN],
         (unsigned long long)n[VALID], (unsigned long long)n[TEST]);
}
