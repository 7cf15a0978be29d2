/* split-rows.c -- the rows of a data set, a folder or a table: which of them validate or test. */
#include "split/fm-split.h"

enum { READ_BLOCK = 128 }; /* images that are read at once */

const char *const split_names[] = {"train", "valid", "test", NULL};

struct row *add_row(struct rows *rows)
{
    xgrow((void **)&rows->row, &rows->capacity, rows->count + 1, sizeof *rows->row);
    struct row *row = &rows->row[rows->count++];
    *row = (struct row){.class = NO_CLASS, .split = TRAIN};
    return row;
}

/* ---- choosing */

static size_t default_valid(size_t rows)
{
    return rows == 60000 ? 5000 : rows / 12;
}

static size_t count_split(const struct rows *rows, int split)
{
    size_t count = 0;
    for (size_t i = 0; i < rows->count; i++)
        count += !rows->row[i].dropped && rows->row[i].split == split;
    return count;
}

/* Rows without a class cannot be trained on, so they are not chosen. */
static bool can_be_chosen(const struct row *row)
{
    return !row->dropped && row->split == TRAIN && row->class >= 0;
}

static size_t count_choosable(const struct rows *rows)
{
    size_t count = 0;
    for (size_t i = 0; i < rows->count; i++)
        count += can_be_chosen(&rows->row[i]);
    return count;
}

/* Gives some of the training rows another split. */
static void choose(struct rows *rows, const struct fmnn_split *how, int split, const char *option)
{
    struct fmnn_error error;
    size_t n = 0;
    size_t *from = xcalloc(rows->count, sizeof *from);
    uint16_t *label = xcalloc(rows->count, sizeof *label);
    uint8_t *chosen = xcalloc(rows->count, 1);
    for (size_t i = 0; i < rows->count; i++)
        if (can_be_chosen(&rows->row[i])) {
            label[n] = (uint16_t)rows->row[i].class;
            from[n++] = i;
        }
    if (split == TEST && how->valid > n)
        die("%s: cannot choose %zu rows: there are only %zu with a class", option, how->valid, n);
    bool absent = !n && rows->from_data_set; /* only the test rows of a data set are wanted */
    if (!absent && fmnn_split_choose(how, label, n, chosen, &error) != 0)
        die("%s: %s", option, error.message);
    for (size_t i = 0; i < n; i++)
        if (chosen[i])
            rows->row[from[i]].split = split;
    free(from);
    free(label);
    free(chosen);
}

/* Rows of a split become training rows, which can be chosen again. Returns their number. */
static size_t give_back(struct rows *rows, int split)
{
    size_t count = 0;
    for (size_t i = 0; i < rows->count; i++) {
        struct row *row = &rows->row[i];
        if (row->dropped || row->split != split || row->class < 0)
            continue;
        row->split = TRAIN;
        count++;
    }
    return count;
}

/* A note on classes that are in only one of two splits, by their rows there, (classes); none on a
   split that has fewer rows than there are classes, because it lacks some in any case. hint: what
   to do, or "". */
static void note_missing(const char *what, size_t classes, const size_t *train, const size_t *valid,
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

static void count_missing(const struct rows *rows, const char *what, const char *hint)
{
    size_t *count[2] = {xcalloc(rows->classes, sizeof(size_t)),
                        xcalloc(rows->classes, sizeof(size_t))};
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        if (!row->dropped && row->class >= 0 && row->split <= VALID)
            count[row->split][row->class]++;
    }
    note_missing(what, rows->classes, count[TRAIN], count[VALID], hint);
    free(count[TRAIN]);
    free(count[VALID]);
}

static void choose_test(struct rows *rows, struct settings *settings, const char *what)
{
    size_t had = give_back(rows, TEST);
    settings->test.seed = settings->split.seed;
    settings->test.shuffle = settings->test.stratify = true;
    choose(rows, &settings->test, TEST, "--test");
    if (had)
        note("%s: --test chooses the test rows anew; the %zu rows of split 'test' can become "
             "training rows",
             what, had);
}

/* First what tests, then what validates, from rows that may still become either. Rows that have a
   split keep it, unless an option says how to choose. The first rows of a data set are usually in a
   random order, and validate unless an option says otherwise; those of folders and tables are
   not. */
static void choose_splits(struct rows *rows, struct settings *settings, const char *what)
{
    bool asked = option_given("valid") || settings->split.folds;
    if (asked)
        give_back(rows, VALID);
    if (option_given("test"))
        choose_test(rows, settings, what);
    if (!rows->from_data_set)
        settings->split.shuffle = settings->split.stratify = true;
    if (!asked)
        settings->split.valid = default_valid(count_choosable(rows));
    if (asked || !count_split(rows, VALID))
        choose(rows, &settings->split, VALID, settings->split.folds ? "--folds" : "--valid");
    count_missing(rows, what,
                  settings->split.shuffle && settings->split.stratify
                      ? ""
                      : "; --shuffle --stratify chooses rows of all classes");
}

/* ---- images that are read: duplicates, and those that cannot be */

/* The digest of an image, which is equal for equal pixels. */
struct print {
    struct fmnn_shape shape;
    uint64_t pixels[2];
    size_t row;
    int rank; /* of equal images, the lowest comes first */
};

static int compare_pixels(const struct print *a, const struct print *b)
{
    const uint64_t x[] = {a->pixels[0], a->pixels[1], a->shape.channels, a->shape.height,
                          a->shape.width};
    const uint64_t y[] = {b->pixels[0], b->pixels[1], b->shape.channels, b->shape.height,
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

static void find_equal(struct rows *rows, const struct settings *settings, struct print *print,
                       size_t count)
{
    if (count)
        qsort(print, count, sizeof *print, compare_prints);
    for (size_t i = 1, first = 0; i < count; i++) {
        if (compare_pixels(&print[i], &print[first]) != 0) {
            first = i;
            continue;
        }
        rows->row[print[i].row].equal = print[first].row + 1;
        rows->row[print[i].row].dropped = settings->duplicates == DROP_DUPLICATES;
    }
}

/* The first of equal images is the first in the table; but the one that is not dropped is a test
   image, else one that validates, if there is any. */
static int rank_of(const struct row *row, const struct settings *settings)
{
    if (settings->duplicates != DROP_DUPLICATES)
        return 0;
    return row->split == TEST ? 0 : row->split == VALID ? 1 : 2;
}

/* The images of some rows, each of which has a print unless it is bad. Returns the number of
   prints. */
static size_t read_block(struct rows *rows, struct settings *settings, struct fmnn_images *images,
                         size_t first, size_t n, struct print *print)
{
    static struct fmnn_digest digest[READ_BLOCK];
    const char *name[READ_BLOCK];
    struct fmnn_error error;
    size_t good = 0;
    for (size_t i = 0; i < n; i++)
        name[i] = rows->row[first + i].image;
    if (fmnn_images_digest(images, name, n, 0, digest, &error) != 0)
        die_error(&error);
    for (size_t i = 0; i < n; i++) {
        struct row *row = &rows->row[first + i];
        if (digest[i].error.status != FMNN_OK) {
            error = digest[i].error;
            const struct origin origin = {rows->name, row->line, row->image, settings->root};
            if (row->line)
                error = error_of_image(&origin, &digest[i].error);
            bad_image(&settings->bad, &error);
            row->dropped = true;
            continue;
        }
        print[good] = (struct print){.shape = digest[i].shape, .row = first + i};
        memcpy(print[good].pixels, digest[i].pixels, sizeof digest[i].pixels);
        print[good++].rank = rank_of(row, settings);
    }
    return good;
}

/* Reads the images if an option needs that: drops the bad ones, and finds or drops duplicates. */
static void read_images(struct rows *rows, struct settings *settings)
{
    if (settings->duplicates == KEEP_DUPLICATES && !settings->bad.skip)
        return;
    struct fmnn_images *images = open_images(settings->data, settings->root);
    struct print *print = xcalloc(rows->count, sizeof *print);
    size_t good = 0;
    for (size_t first = 0, n; first < rows->count; first += n) {
        n = rows->count - first < READ_BLOCK ? rows->count - first : READ_BLOCK;
        good += read_block(rows, settings, images, first, n, print + good);
        show_reading(first + n, rows->count);
    }
    if (settings->duplicates != KEEP_DUPLICATES)
        find_equal(rows, settings, print, good);
    free(print);
    fmnn_images_free(images);
}

static void report_duplicates(const struct rows *rows, const struct settings *settings,
                              const char *what)
{
    size_t equal = 0, across = 0, labels = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        if (!row->equal)
            continue;
        const struct row *first = &rows->row[row->equal - 1];
        equal++;
        across += row->split != first->split;
        labels += row->class >= 0 && first->class >= 0 && row->class != first->class;
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

void choose_rows(struct rows *rows, struct settings *settings, const char *what)
{
    rows->name = what;
    read_images(rows, settings);
    choose_splits(rows, settings, what);
    report_duplicates(rows, settings, what);
}

const char *equal_image(const struct rows *rows, const struct row *row)
{
    return row->equal ? rows->row[row->equal - 1].image : "";
}

/* ---- writing */

bool is_written(struct rows *rows, const struct row *row, const struct settings *settings)
{
    bool other = row->split == OTHER;
    bool wanted = other ? rows->other_wanted[row->other] : settings->wanted[row->split];
    uint64_t *written = other ? &rows->other_written[row->other] : &rows->written[row->split];
    if (row->dropped || !wanted || *written >= settings->limit)
        return false;
    ++*written;
    return true;
}

void write_rows(struct rows *rows, const struct settings *settings)
{
    const struct fmnn_names *names = rows->names;
    printf("image\tlabel\tsplit%s%s\n", names ? "\tclass" : "",
           settings->duplicates == REPORT_DUPLICATES ? "\tduplicate_of" : "");
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        if (!is_written(rows, row, settings))
            continue;
        if (row->class >= 0)
            printf("%s\t%d\t%s", row->image, row->class, split_names[row->split]);
        else
            printf("%s\t\t%s", row->image, split_names[row->split]);
        if (names)
            printf("\t%s", (size_t)row->class < names->count ? names->name[row->class] : "");
        if (settings->duplicates == REPORT_DUPLICATES)
            printf("\t%s", equal_image(rows, row));
        if (putchar('\n') < 0)
            die_stdout();
    }
}

int end_rows(struct rows *rows, const struct settings *settings, const char *what)
{
    const uint64_t *n = rows->written;
    uint64_t others = 0;
    for (size_t i = 0; i < rows->others.count; i++)
        others += rows->other_written[i];
    info(others ? "%s: %llu train, %llu valid, %llu test, %llu of other splits"
                : "%s: %llu train, %llu valid, %llu test",
         what, (unsigned long long)n[TRAIN], (unsigned long long)n[VALID],
         (unsigned long long)n[TEST], (unsigned long long)others);
    for (size_t i = 0; i < rows->count; i++) {
        free(rows->row[i].image);
        free(rows->row[i].before);
        free(rows->row[i].after);
    }
    free(rows->row);
    words_free(&rows->others);
    free(rows->other_wanted);
    free(rows->other_written);
    return bad_images_status(&settings->bad);
}
