/* fm-split.c -- writes the table of a data set's images and chooses the validation set. This file
   reads data sets of IDX files; split/ reads folders and tables.

   Contents: 1. Options  2. The files  3. The table */
#include "split/fm-split.h"

#include "common/folder.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

/* ---- 1. Options ---- */

static const char *const duplicates[] = {"keep", "report", "drop", NULL};

/* "0.1", and the same as others write it: ".1", "0,1", "1e-1". */
static void refuse_fraction(const char *option, const char *text)
{
    char *number = text_format("%s", text), *comma = strchr(number, ','), *end;
    if (comma)
        *comma = '.';
    double fraction = strtod(number, &end);
    if (end != number && !*end && fraction > 0 && fraction < 1)
        usage_error("%s: '%s' is not a whole number; %s %g%% is a percentage", option, text, option,
                    100 * fraction);
    free(number);
}

static void parse_valid(const struct option_row *row, const char *text, void *target)
{
    struct fmnn_split *split = target;
    size_t length = strlen(text);
    char option[32];
    snprintf(option, sizeof option, "--%s", row->name);
    refuse_fraction(option, text);
    split->percent = 0;
    split->valid = 0;
    if (length && text[length - 1] == '%') {
        char *number = text_format("%.*s", (int)length - 1, text);
        split->percent = option_double(option, number, 0, 100);
        free(number);
    } else {
        split->valid = (size_t)option_unsigned(option, text, 0, UINT32_MAX);
    }
}

/* Data sets and folders have no other splits than these. */
static void choose_known(struct settings *settings)
{
    char *words = text_format("%s", settings->only ? settings->only : "train,valid,test");
    char *rest = words, *word;
    while ((word = strsep(&rest, ",")))
        settings->wanted[option_word("--only", word, split_names)] = true;
    free(words);
}

#define TARGET(member) OPTION_TARGET(struct settings, member)

static const struct option_row rows[] = {
    {'d', "data", "DIR", "data directory, which then names the images", OPTION_DIRECTORY,
     TARGET(data)},
    ROOT_ROW(struct settings, root),
    {.help = "The validation set"},
    {0, "valid", "N|P%", "number or percentage of training rows", OPTION_TEXT, TARGET(split),
     .by_default = "5000 of 60000, else 1/12", .parse = parse_valid},
    {0, "shuffle", NULL, "choose rows at random instead of the first", OPTION_FLAG,
     TARGET(split.shuffle)},
    {0, "stratify", NULL, "choose the same fraction of every class", OPTION_FLAG,
     TARGET(split.stratify)},
    {0, "seed", "S", "seed for --shuffle and --test", OPTION_COUNT, TARGET(split.seed),
     .initial = "0"},
    {0, "folds", "K", "divide the rows into K folds, in place of --valid", OPTION_COUNT,
     TARGET(split.folds), .min = 2},
    {0, "fold", "I", "fold that is the validation set", OPTION_COUNT, TARGET(split.fold), .min = 1},
    {0, "test", "N|P%", "number or percentage of rows that become test rows", OPTION_TEXT,
     TARGET(test), .parse = parse_valid},
    {.help = "Rows to write"},
    {0, "limit", "N", "write only the first N rows of each split", OPTION_COUNT, TARGET(limit)},
    {0, "only", "SPLIT[,SPLIT]", "write only rows of these splits", OPTION_SPLITS, TARGET(only)},
    {0, "duplicates", NULL, "what becomes of images with equal pixels", OPTION_WORD,
     TARGET(duplicates), .words = duplicates, .initial = "keep"},
    {0, "names", NULL, "add the name of the class, class", OPTION_FLAG, TARGET(names)},
    {0, "skip-bad", NULL, "read all images; skip those that cannot be read and exit with 1",
     OPTION_FLAG, TARGET(bad.skip)},
    {0, "absolute", NULL, "write paths from the root directory", OPTION_FLAG, TARGET(absolute)},
    {0},
};

static const struct program program = {
    .name = "fm-split",
    .synopsis = "[OPTION]... [FOLDER|TABLE]",
    .purpose = "Write a table of the images of a data set, a folder or another table.",
    .options = rows,
    .negative = "some images could not be read (--skip-bad)",
};

static void check_together(const struct settings *settings)
{
    if (settings->split.folds && option_given("valid"))
        usage_error("--valid and --folds exclude each other");
    if (settings->split.folds && !settings->split.fold)
        usage_error("--folds needs --fold, the number of the fold that is the validation set");
    if (settings->split.fold && !settings->split.folds)
        usage_error("--fold needs --folds, the number of folds");
    if (settings->split.fold && settings->split.fold > settings->split.folds)
        usage_error("--fold: %u is not in 1..%u, the folds that --folds makes",
                    settings->split.fold, settings->split.folds);
}

static struct settings read_options(int argc, char **argv, const char **operand)
{
    struct settings settings = {.limit = UINT64_MAX};
    char **operands = parse_options(argc, argv, &settings);
    limit_operands(operands, 1);
    *operand = operands[0];
    check_together(&settings);
    return settings;
}

/* ---- 2. The files ---- */

/* A pair of files: images and their labels. */
struct pair {
    const char *part; /* "train", "t10k": how the files' names begin */
    char *images, *labels;
    bool exists;
    size_t count;
    struct fmnn_shape shape;
    uint8_t *label;
};

static bool exists(const char *path)
{
    struct stat st;
    char *packed = text_format("%s.gz", path);
    bool found = stat(path, &st) == 0 || errno != ENOENT;
    found = found || stat(packed, &st) == 0 || errno != ENOENT;
    free(packed);
    return found;
}

static void name_files(struct pair *pair, const char *directory)
{
    pair->images = path_in(directory, pair->part, "-images-idx3-ubyte");
    pair->labels = path_in(directory, pair->part, "-labels-idx1-ubyte");
    pair->exists = exists(pair->images) || exists(pair->labels);
}

/* NAME or NAME.gz, whichever exists; for messages. */
static char *on_disk(const char *path)
{
    struct stat st;
    return text_format("%s%s", path, stat(path, &st) == 0 ? "" : ".gz");
}

/* Headers are checked before any data is read: a small gzip file can expand to gigabytes. */
static void read_header(const char *path, unsigned *rank, size_t size[4])
{
    struct fmnn_error error;
    if (fmnn_idx_shape(path, rank, size, &error) != 0)
        die_error(&error);
}

static void check_images(struct pair *pair)
{
    unsigned rank;
    size_t size[4];
    read_header(pair->images, &rank, size);
    if (rank == 1)
        die("%s: is a label file, not images", on_disk(pair->images));
    if (rank == 2)
        die("%s: has rank 2, but images need rank 3 or, with channels, 4: fm-fetch --from DIR -d "
            "NEW "
            "converts rows of pixels",
            on_disk(pair->images));
    pair->count = size[0];
    pair->shape = (struct fmnn_shape){rank == 4 ? size[3] : 1, size[1], size[2]};
    if (pair->shape.channels != 1 && pair->shape.channels != 3)
        die("%s: has rank 4 and %zu channels; expected 1 (gray) or 3 (colour)",
            on_disk(pair->images), pair->shape.channels);
    if (pair->shape.height > FMNN_MAX_SIDE || pair->shape.width > FMNN_MAX_SIDE)
        die("%s: has images of %zux%zu, but the maximum side is %d", on_disk(pair->images),
            pair->shape.height, pair->shape.width, FMNN_MAX_SIDE);
}

static void check_labels_file(const struct pair *pair)
{
    unsigned rank;
    size_t size[4];
    read_header(pair->labels, &rank, size);
    if (rank >= 3)
        die("%s: is an image file, not labels", on_disk(pair->labels));
    if (rank != 1)
        die("%s: has rank %u, but labels need rank 1: fm-fetch --from DIR -d NEW converts one-hot "
            "labels",
            on_disk(pair->labels), rank);
    if (size[0] != pair->count)
        die("%s: has %zu images, but %s has %zu labels", on_disk(pair->images), pair->count,
            on_disk(pair->labels), size[0]);
}

static void read_labels(struct pair *pair)
{
    struct fmnn_error error;
    struct fmnn_idx *idx = fmnn_idx_open(pair->labels, &error);
    if (!idx)
        die_error(&error);
    pair->label = xcalloc(pair->count, 1);
    if (fmnn_idx_read(idx, 0, pair->count, pair->label, &error) != 0)
        die_error(&error);
    fmnn_idx_close(idx);
}

/* Only the sizes are needed. But a gzip file must be decompressed completely to know that it is
   whole, and a table of images that cannot be read is useless. */
static void read_pair(struct pair *pair)
{
    struct fmnn_error error;
    unsigned rank;
    size_t size[4];
    check_images(pair);
    if (fmnn_idx_check(pair->images, &rank, size, &error) != 0)
        die_error(&error);
    check_labels_file(pair);
    read_labels(pair);
}

/* The data directory. If --data names it, the name appears in the table. */
static char *find_directory(const struct settings *settings)
{
    struct stat st;
    char *directory = data_directory(settings->data);
    for (const char *c = directory; c && *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            die("%s: the directory's name contains control characters, which a table cannot "
                "contain",
                settings->data ? "--data" : "FMNN_DATA");
    if (!directory)
        die("no data directory found: get the data set with fm-fetch, or name its directory with "
            "-d or FMNN_DATA");
    if (stat(directory, &st) != 0)
        die("%s: %s (fm-fetch gets a data set)", directory, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        die("%s: not a directory", directory);
    char *real = settings->absolute ? realpath(directory, NULL) : NULL;
    if (real) {
        free(directory);
        directory = real;
    }
    return directory;
}

/* The name of an image file with another name, as EMNIST has them; malloc'ed, or NULL. */
static char *other_images(const char *directory)
{
    char *name = NULL;
    DIR *dir = opendir(directory);
    for (struct dirent *entry; dir && !name && (entry = readdir(dir));)
        if (entry->d_name[0] != '.' && strstr(entry->d_name, "-images") &&
            strstr(entry->d_name, "idx3-ubyte"))
            name = text_format("%s", entry->d_name);
    if (dir)
        closedir(dir);
    return name;
}

static _Noreturn void no_data_set(const char *directory)
{
    char *other = other_images(directory), *below = other ? NULL : find_data(directory, 2);
    if (below)
        die("%s: no data set found, but there is one below it: use -d %s", directory, below);
    if (other)
        die("%s: no data set found: neither train- nor t10k-images-idx3-ubyte[.gz], but there is "
            "%s; "
            "fm-fetch --from makes a data set of such files",
            directory, other);
    struct folder folder = folder_read(directory);
    if (folder.count)
        die("%s: a folder of images, not a data set of IDX files: use it without -d", directory);
    die("%s: no data set found: neither train- nor t10k-images-idx3-ubyte[.gz] (fm-fetch gets one)",
        directory);
}

/* A data set may lack its test pair or its training pair, unless --only asks for it. */
static void read_pairs(const struct settings *settings, const char *directory, struct pair *train,
                       struct pair *test)
{
    name_files(train, directory);
    name_files(test, directory);
    /* With --test, rows of all splits come from both pairs, or from the one that is there. Equal
       images may be in the other pair. */
    bool anew = option_given("test"), must = option_given("only") && !anew;
    bool both = anew || settings->duplicates != KEEP_DUPLICATES;
    bool want_train = settings->wanted[TRAIN] || settings->wanted[VALID] || (both && train->exists);
    bool want_test = settings->wanted[TEST] || (both && test->exists);
    if (!train->exists && !test->exists)
        no_data_set(directory);
    if (want_train && (train->exists || must))
        read_pair(train);
    else if (want_train && !anew)
        note("%s: no training files, so there are only test rows", directory);
    if (want_test && (test->exists || must))
        read_pair(test);
    else if (want_test && !anew)
        note("%s: no test files, so there are only training rows", directory);
    char shape[2][FMNN_SHAPE_TEXT];
    fmnn_format_shape(shape[0], train->shape);
    fmnn_format_shape(shape[1], test->shape);
    if (train->count && test->count && strcmp(shape[0], shape[1]) != 0)
        die("%s: has images of %s, but %s of %s", on_disk(train->images), shape[0],
            on_disk(test->images), shape[1]);
}

static void widen(const struct pair *pair, unsigned *min, unsigned *max)
{
    for (size_t i = 0; i < pair->count; i++) {
        *min = pair->label[i] < *min ? pair->label[i] : *min;
        *max = pair->label[i] > *max ? pair->label[i] : *max;
    }
}

static struct fmnn_names *names_of(const struct settings *settings, const char *directory)
{
    struct fmnn_error error;
    struct fmnn_names *names = NULL;
    if (fmnn_names_of_directory(directory, &names, &error) != 0)
        note("%s", error.message);
    if (settings->names && !names)
        die("--names: %s: the classes have no names; classes.txt would give them", directory);
    return names;
}

/* The table contains any label, but its readers will refuse a label without a name. */
static void check_labels(const char *directory, const struct pair *train, const struct pair *test,
                         const struct fmnn_names *names)
{
    unsigned min = UINT_MAX, max = 0;
    widen(train, &min, &max);
    widen(test, &min, &max);
    if (names && min <= max && max >= names->count)
        note("%s: labels are %u..%u, but there are names for the %zu classes 0..%zu%s", directory,
             min, max, names->count, names->count - 1,
             min == 1 && max == names->count ? " (fm-fetch --first-label 1 makes labels start at 0)"
                                             : "");
}

/* ---- 3. The table ---- */

static void add_rows(struct rows *to, const struct pair *pair, const char *name, int split)
{
    for (size_t i = 0; i < pair->count; i++) {
        struct row *row = add_row(to);
        row->image = text_format("%s:%zu", name, i);
        row->class = pair->label[i];
        row->split = split;
    }
}

static void free_pair(struct pair *pair)
{
    free(pair->images);
    free(pair->labels);
    free(pair->label);
}

/* The default places may hold another data set on another day or machine only if somebody changes
   them; a directory that was named must be in the table, which then means the same everywhere. */
static bool is_named(const struct settings *settings)
{
    const char *environment = getenv("FMNN_DATA");
    return settings->data || settings->absolute || (environment && environment[0]);
}

static int split_data_set(struct settings *settings)
{
    struct pair train = {.part = "train"}, test = {.part = "t10k"};
    if (option_given("seed") && !settings->split.shuffle && !option_given("test"))
        note("--seed has no effect without --shuffle");
    char *directory = find_directory(settings);
    read_pairs(settings, directory, &train, &test);
    struct fmnn_names *names = names_of(settings, directory);
    check_labels(directory, &train, &test, names);

    struct rows all = {.from_data_set = true, .classes = UINT8_MAX + 1};
    bool named = is_named(settings);
    all.names = settings->names ? names : NULL;
    add_rows(&all, &train, named ? train.images : "train", TRAIN);
    add_rows(&all, &test, named ? test.images : "test", TEST);
    choose_rows(&all, settings, directory);
    write_rows(&all, settings);
    int status = end_rows(&all, settings, directory);
    fmnn_names_free(names);
    free_pair(&train);
    free_pair(&test);
    free(directory);
    return status;
}

int main(int argc, char **argv)
{
    const char *operand;
    program_start(&program);
    struct settings settings = read_options(argc, argv, &operand);
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    if (settings.root && (!operand || is_directory(operand)))
        usage_error("--root is for tables, which name images by relative paths");
    if (operand && !is_directory(operand))
        return split_table(operand, &settings);
    choose_known(&settings);
    if (!operand)
        return split_data_set(&settings);
    if (settings.data)
        usage_error("-d and a folder exclude each other");
    return split_folder(operand, &settings);
}
