/* split-table.c -- the rows of a sample table, which get other splits. */
#include "split/fm-split.h"

#include "common/roots.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

struct reader {
    struct fmnn_table *table;
    size_t image;
    int label, class, split;  /* columns; -1: missing */
    int equal;                /* the column duplicate_of, if it gets new values; -1: no */
    bool add_equal;           /* it is added */
    struct class_words words; /* what labels or classes there are */
    struct rows rows;
    struct fmnn_names *names; /* with --names */
    bool add_class;
    char *base,
        *directory; /* with --absolute: where relative paths begin, and the data directory */
};

static void open_reader(struct reader *r, const char *path, const struct settings *settings)
{
    r->table = open_table(path, FMNN_TABLE_ROWS, NULL);
    r->image = need_column(r->table, "image");
    r->label = fmnn_table_find(r->table, "label");
    r->class = fmnn_table_find(r->table, "class");
    r->split = fmnn_table_find(r->table, "split");
    bool report = settings->duplicates == REPORT_DUPLICATES;
    r->equal = report ? fmnn_table_find(r->table, "duplicate_of") : -1;
    r->add_equal = report && r->equal < 0;
    if (r->label < 0 && r->class < 0)
        need_column(r->table, "label");
}

/* The image's name with the path from the root. */
static char *absolute(const struct reader *r, const char *image)
{
    const char *part = part_of_row(image);
    if (!image[0]) /* which is told when it is read */
        return text_format("%s", "");
    if (part && !r->directory)
        die("--absolute: %s: no data directory found", image);
    if (part)
        return text_format("%s/%s-images-idx3-ubyte%s", r->directory, part, strchr(image, ':'));
    return image[0] == '/' ? text_format("%s", image) : text_format("%s/%s", r->base, image);
}

/* What is written in a field of the current row; nothing yet where a new value comes. */
static const char *field(const struct reader *r, size_t column, const char *image)
{
    if (column == r->image)
        return image;
    return (int)column == r->equal ? "" : fmnn_table_field(r->table, column);
}

/* Fields from .. to-1 of the current row, with a tab behind each, or before each. */
static char *join(const struct reader *r, size_t from, size_t to, bool behind, const char *image)
{
    size_t size = 1;
    for (size_t i = from; i < to; i++)
        size += strlen(field(r, i, image)) + 1;
    char *text = xcalloc(size, 1), *end = text;
    for (size_t i = from; i < to; i++)
        end += sprintf(end, "%s%s%s", behind ? "" : "\t", field(r, i, image), behind ? "\t" : "");
    return text;
}

static int split_word(const char *text)
{
    for (int i = 0; i < SPLITS; i++)
        if (!strcmp(text, split_names[i]))
            return i;
    return text[0] ? OTHER : TRAIN;
}

/* NA and NaN are unknown, too, as all programs read them. Other words are names of classes. */
static bool is_unknown(const struct reader *r, size_t column)
{
    int label;
    return fmnn_table_label(r->table, column, 0, &label, NULL) == 0 && label < 0;
}

/* By the column `class` only if there is none of labels, as in fm-train. Labels are numbers, which
   have several forms; names are told apart by every byte. */
static int class_of(struct reader *r)
{
    int column = r->label >= 0 ? r->label : r->class;
    const char *text = column < 0 ? "" : fmnn_table_field(r->table, (size_t)column);
    if (!text[0] || (column == r->label && is_unknown(r, (size_t)column)))
        return NO_CLASS;
    size_t class =
        column == r->label ? words_add(&r->words, text) : words_add_exactly(&r->words, text);
    if (class > UINT16_MAX)
        die_at_row(r->table, "more than %d classes", UINT16_MAX + 1);
    return (int)class;
}

/* Rows without a class keep their split, even if that is empty. */
static void add_table_row(struct reader *r)
{
    size_t columns = fmnn_table_columns(r->table);
    size_t at = r->split < 0 ? columns : (size_t)r->split;
    const char *split = r->split < 0 ? "" : fmnn_table_field(r->table, (size_t)r->split);
    struct row *row = add_row(&r->rows);
    row->image = r->base ? absolute(r, fmnn_table_field(r->table, r->image))
                         : text_format("%s", fmnn_table_field(r->table, r->image));
    row->line = fmnn_table_line(r->table);
    row->class = class_of(r);
    row->split = split_word(split);
    row->before = join(r, 0, at, true, row->image);
    if (row->class == NO_CLASS && !split[0])
        row->split = OTHER;
    if (row->split == OTHER)
        row->other = words_add_exactly(&r->rows.others, split);
    char *after = join(r, at + (r->split >= 0), columns, false, row->image);
    /* another word comes with what follows it */
    row->after = row->split == OTHER ? text_format("%s%s", split, after) : text_format("%s", after);
    free(after);
}

static void print_header(const struct reader *r)
{
    for (size_t i = 0; i < fmnn_table_columns(r->table); i++)
        printf("%s%s", i ? "\t" : "", fmnn_table_column(r->table, i));
    printf("%s%s%s\n", r->split < 0 ? "\tsplit" : "", r->add_class ? "\tclass" : "",
           r->add_equal ? "\tduplicate_of" : "");
}

/* The name of a row's class: by the list, or the label itself if it is a name. */
static const char *class_name(const struct reader *r, const struct row *row)
{
    size_t number;
    if (row->class < 0)
        return "";
    const char *word = r->words.word[row->class];
    if (!class_number(word, &number))
        return word;
    if (number >= r->names->count)
        die("%s:%zu: %s names %zu classes, but label %zu occurs", r->rows.name, row->line,
            r->names->source, r->names->count, number);
    return r->names->name[number];
}

static bool has_numbers(const struct class_words *words)
{
    size_t number;
    for (size_t i = 0; i < words->count; i++)
        if (class_number(words->word[i], &number))
            return true;
    return false;
}

/* The image of the first row that was not left out; NULL: there is none. */
static const char *first_image(const struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        if (!rows->row[i].dropped)
            return rows->row[i].image;
    return NULL;
}

static void learn_names(struct reader *r, const struct settings *settings)
{
    if (!settings->names || r->class >= 0)
        return;
    r->add_class = true; /* also to an empty table */
    const char *image = first_image(&r->rows);
    if (!image)
        return;
    struct fmnn_images *images = open_images(settings->data, settings->root);
    r->names = class_names(NULL, images, image);
    fmnn_images_free(images);
    if (!r->names && has_numbers(&r->words))
        die("--names: the classes of %s have no names", fmnn_table_name(r->table));
}

static bool has_row(const struct rows *rows, int split)
{
    for (size_t i = 0; i < rows->count; i++)
        if (rows->row[i].split == split)
            return true;
    return false;
}

/* One word of --only. */
static void want(struct reader *r, struct settings *settings, const char *word)
{
    if (!word[0])
        usage_error("--only: '%s' is not a comma-separated list of splits", settings->only);
    int split = split_word(word), other = words_find(&r->rows.others, word);
    if (split != OTHER)
        settings->wanted[split] = true;
    else if (other >= 0)
        r->rows.other_wanted[other] = true;
    if (split == OTHER ? other < 0 : !has_row(&r->rows, split))
        note("%s: no row of split '%s'%s", fmnn_table_name(r->table), word, split_hint(word));
}

/* Any word can stand for a split in a table. */
static void choose_wanted(struct reader *r, struct settings *settings)
{
    size_t others = r->rows.others.count;
    r->rows.other_written = xcalloc(others + 1, sizeof *r->rows.other_written);
    r->rows.other_wanted = xcalloc(others + 1, sizeof *r->rows.other_wanted);
    if (!settings->only) {
        for (int i = 0; i < SPLITS; i++)
            settings->wanted[i] = true;
        for (size_t i = 0; i < others; i++)
            r->rows.other_wanted[i] = true;
        return;
    }
    char *words = text_format("%s", settings->only), *rest = words, *word;
    while ((word = strsep(&rest, ",")))
        want(r, settings, word);
    free(words);
}

/* Prints fields that follow each other, and a value in the empty one that follows that many
   tabs. */
static void print_filled(const char *text, size_t tabs, const char *value)
{
    const char *at = text;
    for (; tabs; tabs--)
        at = strchr(at, '\t') + 1;
    printf("%.*s%s%s", (int)(at - text), text, value, at);
}

/* The fields of a row, of which the one of duplicate_of is empty, if it is there. */
static void print_fields(const struct reader *r, const struct row *row)
{
    size_t equal = (size_t)r->equal, at = (size_t)r->split;
    const char *split = row->split == OTHER ? "" : split_names[row->split];
    bool before = r->equal >= 0 && (r->split < 0 || equal < at), after = r->equal >= 0 && !before;
    print_filled(row->before, before ? equal : 0, before ? equal_image(&r->rows, row) : "");
    fputs(split, stdout);
    print_filled(row->after, after ? equal - at : 0, after ? equal_image(&r->rows, row) : "");
}

static void print_rows(struct reader *r, const struct settings *settings)
{
    for (size_t i = 0; i < r->rows.count; i++) {
        const struct row *row = &r->rows.row[i];
        if (!is_written(&r->rows, row, settings))
            continue;
        print_fields(r, row);
        if (r->add_class)
            printf("\t%s", class_name(r, row));
        if (r->add_equal)
            printf("\t%s", equal_image(&r->rows, row));
        if (putchar('\n') < 0)
            die_stdout();
    }
}

/* Every row that will be written must have a name, before the first one is. */
static void check_class_names(struct reader *r, const struct settings *settings)
{
    for (size_t i = 0; r->add_class && i < r->rows.count; i++)
        if (is_written(&r->rows, &r->rows.row[i], settings))
            class_name(r, &r->rows.row[i]);
    memset(r->rows.written, 0, sizeof r->rows.written); /* none was written yet */
    memset(r->rows.other_written, 0, r->rows.others.count * sizeof *r->rows.other_written);
}

static void find_base(struct reader *r, const struct settings *settings)
{
    char *directory = data_directory(settings->data);
    r->base = realpath(settings->root ? settings->root : ".", NULL);
    if (!r->base)
        die_errno("--absolute: %s", settings->root ? settings->root : "the working directory");
    r->directory = directory ? realpath(directory, NULL) : NULL;
    free(directory);
}

int split_table(const char *path, struct settings *settings)
{
    struct reader r = {0};
    open_reader(&r, path, settings);
    const char *name = fmnn_table_name(r.table);
    if (settings->absolute)
        find_base(&r, settings);
    while (next_row(r.table))
        add_table_row(&r);
    r.rows.classes = r.words.count;
    choose_rows(&r.rows, settings, name);
    choose_wanted(&r, settings);
    learn_names(&r, settings);
    check_class_names(&r, settings);
    print_header(&r);
    print_rows(&r, settings);
    int status = end_rows(&r.rows, settings, name);
    words_free(&r.words);
    fmnn_names_free(r.names);
    fmnn_table_close(r.table);
    free(r.base);
    free(r.directory);
    return status;
}
