/* predictions.c -- reads a table of predictions, or of their counts, into a confusion matrix.

   Contents: 1. Columns  2. Classes  3. Rows  4. The table */
#include "common/predictions.h"
#include "common/class-pairs.h"

#include <errno.h>
#include <math.h>
#include <strings.h>

struct reader {
    const struct matrix_request *request;
    struct fmnn_table *table;
    size_t label, predicted;
    bool named, named_predictions; /* those columns are `class`, `predicted_class` */
    int image, count;              /* columns; -1: missing */
    bool headless;                 /* it looks like a table of counts without a header */
    size_t *probability;           /* the columns p0, p1, ... */
    size_t probabilities;          /* their number, up to the first gap */
    int after_gap;                 /* a column of probabilities behind the gap; -1: there is none */
    bool entropy;                  /* the cross-entropy can still be computed */
    double *p;                     /* the probabilities of one row, for top-K */
    int confidence;                /* column; -1: missing */
    enum {
        UNDECIDED,
        NUMBERS,
        WORDS
    } naming;                 /* what the fields are, if no list names the classes */
    struct class_words words; /* of the list, or of the table so far */
    char **known;             /* the list, ended by NULL */
    /* A field that was read as the number of a class, but is the name of another in the list, and
       one that looks like a number, but can only be a name; NULL: there was none yet. */
    char *ambiguous, *name_only;
    bool numerals; /* the list has names that look like numbers */
    /* What the table says itself. */
    int class, predicted_class; /* columns; -1: missing, or not read */
    struct class_pairs pairs;
    struct fmnn_names *found; /* beside the images; the pairs count more */
    bool noted;               /* that a name is not in the list */
    bool begun;               /* there was a row */
    bool worded;              /* there was a name that is no number, not even a negative one */
    bool turned;              /* the numbers of this row became names while it was read */
    int also;                 /* a column of other predictions; -1: there is none */
    bool also_named;
    struct matrix *matrix;
};

/* ---- 1. Columns ---- */

/* A table must be opened before it is known whether it has rows or counts. fmnn_table_open() takes
   three columns without names for those of a sample table. */
static bool looks_headless(const struct fmnn_table *table)
{
    return fmnn_table_columns(table) == 3 && fmnn_table_find(table, "image") == 0 &&
           fmnn_table_find(table, "label") == 1 && fmnn_table_find(table, "split") == 2;
}

/* Whether a column is pN, or pN_WORD, and N is larger than the number. */
static bool is_probability_after(const struct reader *r, size_t column, size_t number)
{
    const char *name = fmnn_table_column(r->table, column), *suffix = r->request->suffix;
    char *end;
    if ((name[0] != 'p' && name[0] != 'P') || !strchr("123456789", name[1]) || !name[1])
        return false;
    unsigned long long n = strtoull(name + 1, &end, 10);
    return n > number && (suffix ? *end == '_' && !strcasecmp(end + 1, suffix) : !*end);
}

/* Without it, the classes up to the gap would be taken for all classes. If p0 is missing, a single
   column p1 can be something else. */
static void find_gap(struct reader *r)
{
    size_t columns = fmnn_table_columns(r->table), n = r->probabilities, found = 0;
    int first = -1;
    for (size_t i = 0; i < columns && n < FMNN_CONFUSION_MAX_CLASSES; i++)
        if (is_probability_after(r, i, n)) {
            first = first < 0 ? (int)i : first;
            found++;
        }
    r->after_gap = n || found > 1 ? first : -1;
}

static void find_probabilities(struct reader *r)
{
    size_t columns = fmnn_table_columns(r->table);
    size_t max = columns < FMNN_CONFUSION_MAX_CLASSES ? columns : FMNN_CONFUSION_MAX_CLASSES;
    r->probability = xcalloc(max, sizeof *r->probability);
    for (; r->probabilities < max; r->probabilities++) {
        char word[32];
        snprintf(word, sizeof word, "p%zu", r->probabilities);
        char *name = suffixed(word, r->request->suffix);
        int column = fmnn_table_find(r->table, name);
        free(name);
        if (column < 0)
            break;
        r->probability[r->probabilities] = (size_t)column;
    }
    find_gap(r);
}

static void find_confidence(struct reader *r)
{
    char *name = suffixed("confidence", r->request->suffix);
    r->confidence = r->request->must_calibrate ? (int)need_column(r->table, name)
                    : r->request->bins         ? fmnn_table_find(r->table, name)
                                               : -1;
    free(name);
}

/* If the first line is data, or names columns that are unknown, says what they are. */
static _Noreturn void die_of_header(const struct reader *r)
{
    size_t columns = fmnn_table_columns(r->table);
    const char *wanted = suffixed("predicted", r->request->suffix);
    const char *first = fmnn_table_field(r->table, 0);
    if (columns == 1)
        die_at_row(r->table,
                   "no column '%s': the first line names no columns and has 1 field, '%.100s' "
                   "(fields are separated by tabs)",
                   wanted, first);
    die("%s:1: no column '%s': the first line names no known columns and has %zu fields, "
        "'%.60s', '%.60s'%s; name two of them label and predicted, or use --label-column and "
        "--predicted-column",
        fmnn_table_name(r->table), wanted, columns, first, fmnn_table_field(r->table, 1),
        columns > 2 ? " ..." : "");
}

/* The option that would name another column instead; NULL if one was given. */
static const char *column_option(const struct reader *r, const char *name)
{
    const struct matrix_request *request = r->request;
    if (request->suffix || name == request->label_column || name == request->predicted_column)
        return NULL;
    return !strcmp(name, "label") ? "label-column" : "predicted-column";
}

static size_t find_class_column(const struct reader *r, const char *name)
{
    struct fmnn_error error;
    int column = fmnn_table_find(r->table, name);
    if (column >= 0)
        return (size_t)column;
    if (next_row(r->table) && fmnn_table_line(r->table) == 1)
        die_of_header(r);
    fmnn_table_need(r->table, name, &error);
    if (!strcmp(name, "predicted") && r->image >= 0)
        die("%s: it is a table of images; fm-predict WEIGHTS TABLE adds predictions",
            error.message);
    const char *option = column_option(r, name);
    if (option)
        die("%s; see --%s", error.message, option);
    die_error(&error);
}

/* The columns of names: beside the numbers or, if there is no label, instead of them. */
static void find_names(struct reader *r)
{
    const struct matrix_request *request = r->request;
    bool none = request->classes && !strcmp(request->classes, "none");
    char *name = suffixed("predicted_class", request->suffix);
    int class = request->label_column ? -1 : fmnn_table_find(r->table, "class");
    int predicted = request->predicted_column ? -1 : fmnn_table_find(r->table, name);
    free(name);
    r->class = none ? -1 : class;
    r->predicted_class = none ? -1 : predicted;
    if (class < 0 || fmnn_table_find(r->table, "label") >= 0)
        return;
    r->label = (size_t) class;
    r->named = true;
    if (predicted >= 0)
        r->predicted = (size_t)predicted;
    r->named_predictions = predicted >= 0;
    r->class = r->predicted_class = -1;
}

static void find_columns(struct reader *r)
{
    r->confidence = r->class = r->predicted_class = r->after_gap = r->also = -1;
    r->image = fmnn_table_find(r->table, "image");
    r->headless = !r->request->suffix && looks_headless(r->table);
    if (r->headless) {
        r->label = 0;
        r->predicted = 1;
        r->count = 2;
        r->image = -1;
        return;
    }
    const struct matrix_request *request = r->request;
    char *predicted = suffixed("predicted", request->suffix);
    find_names(r);
    if (!r->named)
        r->label = find_class_column(r, request->label_column ? request->label_column : "label");
    if (!r->named_predictions)
        r->predicted =
            find_class_column(r, request->predicted_column ? request->predicted_column : predicted);
    free(predicted);
    if (r->label == r->predicted)
        usage_error("the true classes and the predictions are both read from the column '%s'",
                    fmnn_table_column(r->table, r->label));
    /* In a table of images a column `count` means something else. */
    r->count = r->image < 0 ? fmnn_table_find(r->table, "count") : -1;
    if (r->request->entropy || r->request->top || r->request->ranking || r->request->probabilities)
        find_probabilities(r);
    find_confidence(r);
}

/* What was asked for that cannot be without probabilities, in words; NULL: nothing. */
static char *needing_probabilities(const struct matrix_request *request)
{
    return request->top             ? text_format("no top-%zu accuracy", request->top)
           : request->must_rank     ? text_format("no ROC curves")
           : request->probabilities ? text_format("no label issues")
                                    : NULL;
}

/* ---- 2. Classes ---- */

static _Noreturn void die_of_class(const struct reader *r, const struct fmnn_table *table,
                                   size_t column, const char *why)
{
    const struct fmnn_names *names = r->matrix->names;
    die_at_row(table, "%.100s '%.100s' is not a number from 0 to %zu%s",
               fmnn_table_column(table, column), fmnn_table_field(table, column),
               names ? names->count - 1 : FMNN_CONFUSION_MAX_CLASSES - 1, why);
}

/* The number that a field is, as all programs read it, or True or False. */
static bool field_number(const struct fmnn_table *table, size_t column, size_t *number)
{
    int label;
    if (fmnn_table_label(table, column, 0, &label, NULL) != 0 || label < 0)
        return class_number(fmnn_table_field(table, column), number);
    *number = (size_t)label;
    return true;
}

/* Where the list of names comes from, for messages. */
static const char *list_source(const struct reader *r)
{
    const char *source = r->matrix->names->source, *option = r->request->classes;
    return source ? source : option ? option : "the data set";
}

/* Whether a list has the text, or the number in its plain form, as the name of another class. */
static bool names_another(const struct reader *r, const char *text, size_t number)
{
    char plain[32];
    snprintf(plain, sizeof plain, "%zu", number);
    if (!r->numerals)
        return false;
    int named = words_find(&r->words, text), plainly = words_find(&r->words, plain);
    return (named >= 0 && (size_t)named != number) || (plainly >= 0 && (size_t)plainly != number);
}

/* Labels that count from 1 are no numbers of classes with the names 1, 2 and 3, but only 3 shows
   it. */
static void remember(char **field, const char *text, const struct reader *r,
                     const struct fmnn_table *table)
{
    if (!*field)
        *field = text_format("%s", text);
    if (r->ambiguous && r->name_only)
        die_at_row(table,
                   "'%.100s' can only be a name in %.200s, but '%.100s' is both the number of a "
                   "class and the name of another: number the classes from 0, or use --classes "
                   "none",
                   r->name_only, list_source(r), r->ambiguous);
}

/* A class of a list of names: its number, or its name. */
static int class_of_list(struct reader *r, const struct fmnn_table *table, size_t column)
{
    const char *text = fmnn_table_field(table, column), *from = list_source(r);
    const struct fmnn_names *names = r->matrix->names;
    size_t number;
    bool whole = field_number(table, column, &number), inside = whole && number < names->count;
    int found = words_find(&r->words, text);
    if (inside && (found < 0 || !text[strspn(text, "0123456789")])) {
        if (names_another(r, text, number))
            remember(&r->ambiguous, text, r, table);
        return (int)number;
    }
    if (found >= 0 && ((whole && !inside) || class_is_negative(text)))
        remember(&r->name_only, text, r, table);
    if (found >= 0)
        return found;
    if (whole)
        die_at_row(table, "%.200s names %zu class%s, but %.100s %.20s occurs", from, names->count,
                   names->count == 1 ? "" : "es", fmnn_table_column(table, column), text);
    const char *nearest = fmnn_suggest(text, (const char *const *)r->known);
    char *why = nearest ? text_format(", nor a class; did you mean '%.100s'?", nearest)
                        : text_format(", nor a class that %.200s names", from);
    die_of_class(r, table, column, why);
}

int reader_word(struct reader *r, int class)
{
    if (class < 0)
        return class;
    char *word = text_format("%d", class);
    class = (int)words_add(&r->words, word);
    free(word);
    return class;
}

/* Until now the classes were numbers, but a negative one can only be a name. */
static void turn_into_words(struct reader *r)
{
    struct fmnn_error error;
    struct fmnn_confusion *old = r->matrix->counts, *named = fmnn_confusion_new(0, &error);
    size_t classes = fmnn_confusion_classes(old);
    for (size_t i = 0; i < classes; i++)
        reader_word(r, (int)fmnn_confusion_label(old, i));
    for (size_t i = 0; named && i < classes * classes; i++)
        if (fmnn_confusion_add(named, i / classes, i % classes,
                               fmnn_confusion_count(old, i / classes, i % classes), &error) != 0)
            named = NULL;
    if (!named)
        die_error(&error);
    fmnn_confusion_free(old);
    r->matrix->counts = named;
    r->turned = true;
    if (r->request->turned)
        r->request->turned(r->request->context);
}

/* Why a text cannot be the name of a class, which is printed; NULL if it can. What tables have in
   other places must not reach a terminal. */
static const char *name_fault(const char *text)
{
    uint32_t code;
    for (size_t n; *text; text += n) {
        n = fmnn_utf8_next(text, &code);
        if (!n)
            return "a name must be UTF-8";
        if (code < ' ' || (code >= 0x7f && code < 0xa0))
            return "a control character is in no name";
    }
    return NULL;
}

static void check_word(const struct reader *r, const struct fmnn_table *table, size_t column)
{
    const char *fault = name_fault(fmnn_table_field(table, column));
    if (fault)
        die_of_class(r, table, column, text_format(", and %s", fault));
}

static void drop_ranking(struct reader *r)
{
    fmnn_ranking_free(r->matrix->ranking);
    r->matrix->ranking = NULL;
}

/* What is asked for by its name is trouble if it cannot be; the cross-entropy is optional. */
static void lack_probabilities(struct reader *r, const char *why)
{
    char *needing = needing_probabilities(r->request);
    if (needing)
        die("%s: %s: %s", fmnn_table_name(r->table), needing, why);
    if (r->entropy)
        note("no cross-entropy: %s", why);
    drop_ranking(r);
    r->entropy = false;
}

static const char without_order[] =
    "the classes are names, and which p0 belongs to is not known; --classes says it";

static void start_words(struct reader *r)
{
    if (r->naming == NUMBERS)
        turn_into_words(r);
    r->naming = WORDS;
    lack_probabilities(r, without_order);
}

static _Noreturn void die_of_number(const struct reader *r, const struct fmnn_table *table,
                                    size_t column)
{
    const char *text = fmnn_table_field(table, column);
    if (r->named)
        die_at_row(table,
                   "%.100s '%.100s' is a number, but the column '%.100s' has names; --classes says "
                   "which names the numbers have, --label-column %.100s reads numbers there",
                   fmnn_table_column(table, column), text, fmnn_table_column(r->table, r->label),
                   fmnn_table_column(r->table, r->label));
    if (r->request->each) /* another table, too, has been read */
        die_at_row(table,
                   "%.100s '%.100s' is a number, but '%.100s' is a name; --classes says which "
                   "names the numbers have",
                   fmnn_table_column(table, column), text, r->words.word[0]);
    die_at_row(table,
               "label '%.100s' is a name, and predicted '%.100s' is a number; --classes says which "
               "names the numbers have",
               fmnn_table_field(table, r->label), text);
}

static int new_class(const struct fmnn_table *table, size_t class)
{
    if (class >= FMNN_CONFUSION_MAX_CLASSES)
        die_at_row(table, "more than %d classes", FMNN_CONFUSION_MAX_CLASSES);
    return (int)class;
}

/* A class that the table itself names. In the first row with a label, both fields are numbers, or
   both are names. */
static int class_of_table(struct reader *r, const struct fmnn_table *table, size_t column)
{
    const char *text = fmnn_table_field(table, column);
    size_t number;
    double real;
    bool whole = field_number(table, column, &number), negative = class_is_negative(text);
    if (r->named && (whole || negative))
        die_of_number(r, table, column);
    if (whole && r->naming != WORDS) {
        if (number >= FMNN_CONFUSION_MAX_CLASSES)
            die_of_class(r, table, column, "");
        r->naming = NUMBERS;
        return (int)number;
    }
    if (!whole && !negative && fmnn_table_number(table, column, &real, NULL) == 0)
        die_of_class(r, table, column, "");
    if (!whole && !negative && r->naming == NUMBERS)
        die_of_class(r, table, column,
                     ", as those before it are; --classes says which names the numbers have");
    if (r->naming != WORDS)
        start_words(r);
    else if (whole && r->worded && !fmnn_confusion_total(r->matrix->counts))
        die_of_number(r, table, column);
    r->worded = r->worded || (!whole && !negative);
    check_word(r, table, column);
    return new_class(table, words_add(&r->words, text));
}

static _Noreturn void die_of_name(const struct reader *r, const struct fmnn_table *table,
                                  size_t column)
{
    const char *text = fmnn_table_field(table, column), *name = fmnn_table_column(table, column);
    const char *nearest = fmnn_suggest(text, (const char *const *)r->known);
    size_t count = r->matrix->names->count;
    char *hint = nearest ? text_format("; did you mean '%.100s'?", nearest) : text_format("%s", "");
    die_at_row(table, "%.100s '%.100s' is not among the %zu name%s in %.200s%s", name, text, count,
               count == 1 ? "" : "s", list_source(r), hint);
}

/* A class in a column of names. "1" is one of them, too: the folders 1, 2 and 3 are the classes 0,
   1 and 2. Only a list without such names leaves no doubt that a number is one. */
static int class_of_name(struct reader *r, const struct fmnn_table *table, size_t column)
{
    const char *text = fmnn_table_field(table, column);
    int found = words_find(&r->words, text);
    if (found >= 0)
        return found;
    if (r->matrix->names && r->numerals)
        die_of_name(r, table, column);
    if (r->matrix->names)
        return class_of_list(r, table, column);
    if (r->naming != WORDS)
        start_words(r);
    check_word(r, table, column);
    return new_class(table, words_add_exactly(&r->words, text));
}

/* Empty or NA, as in all programs, unless a class has that name. */
static bool is_unknown(const struct reader *r, const struct fmnn_table *table, size_t column)
{
    int label;
    return fmnn_table_label(table, column, 0, &label, NULL) == 0 && label < 0 &&
           words_find(&r->words, fmnn_table_field(table, column)) < 0;
}

int reader_class(struct reader *r, const struct fmnn_table *table, size_t column, bool names)
{
    if (is_unknown(r, table, column))
        return -1;
    return names              ? class_of_name(r, table, column)
           : r->matrix->names ? class_of_list(r, table, column)
                              : class_of_table(r, table, column);
}

bool reader_has_names(const struct reader *r)
{
    return r->named;
}

char *reader_text(const struct reader *r, int class)
{
    if (r->naming == WORDS && class >= 0)
        return text_format("%s", r->words.word[class]);
    return text_format("%d", class);
}

void reader_also(struct reader *r, size_t column, bool names)
{
    r->also = (int)column;
    r->also_named = names;
}

size_t reader_predicted(const struct reader *r)
{
    return r->predicted;
}

/* Puts the classes of the matrix in the order of their names. Other words come from another table.
   */
static void sort_words(struct reader *r)
{
    struct fmnn_error error;
    struct matrix *m = r->matrix;
    struct class_words words = {0};
    size_t *rank, n = fmnn_confusion_classes(m->counts);
    for (size_t i = 0; i < n; i++)
        words_add_exactly(&words, r->words.word[fmnn_confusion_label(m->counts, i)]);
    m->names = words_in_order(&words, &rank);
    m->words = true;
    struct fmnn_confusion *sorted = fmnn_confusion_new(n, &error);
    for (size_t i = 0; sorted && i < n * n; i++)
        if (fmnn_confusion_add(sorted, rank[i / n], rank[i % n],
                               fmnn_confusion_count(m->counts, i / n, i % n), &error) != 0)
            die_error(&error); /* cannot happen: the total is the same */
    if (!sorted)
        die_error(&error);
    fmnn_confusion_free(m->counts);
    m->counts = sorted;
    words_free(&words);
    free(rank);
}

/* ---- 3. Rows ---- */

/* Whether the row has a label, before the list is known to count. NA is one only if a class has
   that name. */
static bool has_label(const struct reader *r)
{
    const char *label = fmnn_table_field(r->table, r->label);
    return !is_unknown(r, r->table, r->label) ||
           (r->found && fmnn_names_find(r->found, label) < r->found->count);
}

/* The names beside the images; the first row says where those are. */
static void find_list(struct reader *r)
{
    struct fmnn_images *images = open_images(r->request->data, r->request->root);
    const char *image = r->image < 0 ? NULL : fmnn_table_field(r->table, (size_t)r->image);
    r->found = class_names(r->request->classes, images, image);
    fmnn_images_free(images);
}

/* A list decides the number of classes, so it must be known before the first count. What the table
   names itself is known at the end, and counts more than a list that is found with the images. */
static void choose_list(struct reader *r)
{
    size_t number;
    if (!field_number(r->table, r->label, &number))
        r->class = r->predicted_class = -1; /* the labels are names already */
    if ((r->class >= 0 || r->predicted_class >= 0) && !r->request->classes)
        return;
    r->matrix->names = r->found;
    r->found = NULL;
}

void reader_pair(struct reader *r, const struct fmnn_table *table, int class, size_t column,
                 int name_column)
{
    struct fmnn_error error;
    const struct fmnn_names *list = r->matrix->names;
    const char *name = name_column < 0 ? "" : fmnn_table_field(table, (size_t)name_column);
    const char *what = fmnn_table_column(table, column), *option = r->request->classes;
    if (!*name || class < 0 || (option && !strcmp(option, "none")))
        return;
    if (list &&
        pair_check(list, list_source(r), table, what, (size_t) class, name, &r->noted, &error) != 0)
        die_error(&error);
    if (list || r->naming != NUMBERS)
        return;
    const char *fault = name_fault(name);
    if (fault)
        die_at_row(table, "%.100s '%.100s': %s", fmnn_table_column(table, (size_t)name_column),
                   name, fault);
    pairs_add(&r->pairs, table, what, (size_t) class, name);
}

/* Why the probabilities are not those of all classes; NULL if they are. malloc'ed. */
static char *why_incomplete(const struct reader *r, size_t named)
{
    size_t found = r->probabilities;
    const char *suffix = r->request->suffix;
    if (r->naming == WORDS) /* those of another table, which was read before */
        return text_format("%s", without_order);
    if (r->after_gap >= 0)
        return text_format("the table has a column '%.100s', but no 'p%zu%s%s'",
                           fmnn_table_column(r->table, (size_t)r->after_gap), found,
                           suffix ? "_" : "", suffix ? suffix : "");
    if (named && found != named)
        return text_format("the table has probabilities of %zu classes, but %zu have names", found,
                           named);
    return NULL;
}

/* A list that is found with the images must name each class, if the table itself names none. */
static void check_found(const struct reader *r, size_t classes)
{
    const struct fmnn_names *found = r->found;
    if (!found || r->pairs.words.count)
        return;
    const char *source = found->source ? found->source : "the data set";
    if (classes > found->count)
        die("%s: %.200s names %zu class%s, but class %zu occurs", fmnn_table_name(r->table), source,
            found->count, found->count == 1 ? "" : "es", classes - 1);
    if (r->probabilities > found->count)
        die("%s: %.200s names %zu class%s, but there are probabilities of %zu",
            fmnn_table_name(r->table), source, found->count, found->count == 1 ? "" : "es",
            r->probabilities);
}

/* All classes of a list that is found with the images are in the matrix. */
static void take_found(struct reader *r)
{
    struct fmnn_error error;
    struct matrix *m = r->matrix;
    for (size_t i = 0; i < r->found->count; i++)
        if (fmnn_confusion_add(m->counts, i, i, 0, &error) != 0)
            die_error(&error);
    char *why = r->probabilities ? why_incomplete(r, r->found->count) : NULL;
    if (why)
        lack_probabilities(r, why);
    free(why);
}

/* At the end: the names of the classes. */
static void name_numbers(struct reader *r)
{
    struct matrix *m = r->matrix;
    size_t n = fmnn_confusion_classes(m->counts);
    size_t count = n ? fmnn_confusion_label(m->counts, n - 1) + 1 : 0;
    check_found(r, count);
    count = r->probabilities > count ? r->probabilities : count;
    m->names = pairs_names(&r->pairs, count, r->found, fmnn_table_name(r->table));
    if (m->names != r->found)
        fmnn_names_free(r->found);
    else if (r->found)
        take_found(r);
}

/* What is asked for by its name is trouble if it cannot be; the cross-entropy is optional. */
static void check_probabilities(struct reader *r, size_t named)
{
    struct fmnn_error error;
    const struct matrix_request *request = r->request;
    size_t found = r->probabilities;
    char *needing = needing_probabilities(request);
    char *why = found || r->after_gap >= 0 ? why_incomplete(r, named) : NULL;
    bool complete = found > 0 && !why;
    r->entropy = request->entropy && complete;
    if (needing && !found)
        need_column(r->table, suffixed("p0", request->suffix)); /* fails with the right message */
    if ((request->probabilities || request->must_rank) && r->count >= 0)
        die("%s: %s: the rows are counts, in the column 'count'", fmnn_table_name(r->table),
            needing);
    if (needing && why)
        die("%s: %s: %s", fmnn_table_name(r->table), needing, why);
    if (request->top > found)
        usage_error("--top: %zu is more than the number of classes, %zu", request->top, found);
    if (why)
        note("no cross-entropy: %s", why);
    if (request->ranking && complete && r->count >= 0)
        note("no ROC AUC or average precision: the rows are counts, in the column 'count'");
    if (request->ranking && complete && r->count < 0 &&
        !(r->matrix->ranking = fmnn_ranking_new(found, &error)))
        die_error(&error);
    r->p = found ? xcalloc(found, sizeof *r->p) : NULL;
    free(needing);
    free(why);
}

static void take_list(struct reader *r)
{
    const struct fmnn_names *names = r->matrix->names;
    words_take(&r->words, names);
    r->known = xcalloc(names->count + 1, sizeof *r->known);
    memcpy(r->known, names->name, names->count * sizeof *r->known);
    for (size_t i = 0, number; i < names->count && !r->numerals; i++)
        r->numerals = class_number(names->name[i], &number);
}

/* A sample table, or one whose column names are unknown. */
static _Noreturn void die_without_predictions(const struct reader *r)
{
    if (fmnn_table_line(r->table) == 1)
        die_of_header(r);
    die("%s:1: no column 'predicted': it is a table of images; fm-predict WEIGHTS TABLE adds "
        "predictions",
        fmnn_table_name(r->table));
}

/* Called at the first row. */
static void begin(struct reader *r)
{
    const char *first = fmnn_table_field(r->table, 0);
    if (r->headless && first[strspn(first, "0123456789")])
        die_without_predictions(r);
    if (r->headless && r->request->must_calibrate)
        need_column(r->table, "confidence");
    find_list(r);
    r->begun = true;
}

/* Called at the first row with a label, which shows whether labels are names. */
static void start(struct reader *r)
{
    struct fmnn_error error;
    choose_list(r);
    size_t named = r->matrix->names ? r->matrix->names->count : 0;
    r->matrix->counts = fmnn_confusion_new(named, &error);
    if (!r->matrix->counts)
        die_error(&error);
    if (named)
        take_list(r);
    if (r->request->start)
        r->request->start(r->request->context, r, r->table);
    if (r->confidence >= 0 &&
        !(r->matrix->calibration = fmnn_calibration_new(r->request->bins, &error)))
        die_error(&error);
    check_probabilities(r, named);
}

static uint64_t read_count(const struct reader *r)
{
    if (r->count < 0)
        return 1;
    const char *text = fmnn_table_field(r->table, (size_t)r->count);
    text += strspn(text, " ");
    size_t digits = strspn(text, "0123456789");
    if (!digits || text[digits + strspn(text + digits, " ")])
        die_at_row(r->table, "the count is not a whole number");
    errno = 0;
    unsigned long long count = strtoull(text, NULL, 10);
    if (errno || count > INT64_MAX)
        die_at_row(r->table, "the count is too large");
    return count;
}

static double read_probability(const struct reader *r, size_t label)
{
    struct fmnn_error error;
    double p;
    if (fmnn_table_number(r->table, r->probability[label], &p, &error) != 0)
        die_error(&error);
    if (p < 0 || p > 1.000001) /* 1 and rounding */
        die_at_row(r->table, "a probability is not in 0..1");
    return p;
}

/* Without a column for the class: what is optional ends with a note. */
static void lack_probability(struct reader *r, size_t label)
{
    char *needing = needing_probabilities(r->request);
    bool needed = needing != NULL;
    free(needing);
    if (needed)
        die_at_row(r->table, "class %zu has no column of probabilities", label);
    note("no cross-entropy: class %zu has no column of probabilities", label);
    r->entropy = false;
    drop_ranking(r);
}

/* Of equal probabilities the first ranks first, as in fm-predict. */
static void add_top(struct reader *r, size_t label, uint64_t count)
{
    size_t before = 0;
    for (size_t i = 0; i < r->probabilities; i++)
        before += r->p[i] > r->p[label] || (i < label && r->p[i] == r->p[label]);
    if (before < r->request->top)
        r->matrix->top_correct += count;
}

static void add_probabilities(struct reader *r, size_t label, size_t predicted, uint64_t count)
{
    struct fmnn_error error;
    const struct matrix_request *request = r->request;
    if (!request->top && !r->matrix->ranking && !request->probabilities && !r->entropy)
        return;
    if (label >= r->probabilities || predicted >= r->probabilities) {
        lack_probability(r, label >= r->probabilities ? label : predicted);
        return;
    }
    for (size_t i = 0; i < r->probabilities; i++)
        r->p[i] = read_probability(r, i);
    if (request->top)
        add_top(r, label, count);
    if (r->entropy)
        fmnn_confusion_add_probability(r->matrix->counts, r->p[label], count);
    if (r->matrix->ranking && fmnn_ranking_add(r->matrix->ranking, label, r->p, &error) != 0)
        die_error(&error);
    if (request->probabilities)
        request->probabilities(request->context, r->table, label, r->p, r->probabilities);
}

static void add_confidence(struct reader *r, bool correct, uint64_t count)
{
    struct fmnn_error error;
    double confidence;
    if (fmnn_table_number(r->table, (size_t)r->confidence, &confidence, &error) != 0) {
        /* the message has the line number already */
    } else if (fmnn_calibration_add(r->matrix->calibration, confidence, correct, count, &error) !=
               0) {
        char why[sizeof error.message];
        memcpy(why, error.message, sizeof why);
        fmnn_table_fail(r->table, &error, "%s", why);
    } else {
        return;
    }
    if (r->request->must_calibrate)
        die_error(&error);
    note("no calibration error: %s", error.message);
    fmnn_calibration_free(r->matrix->calibration);
    r->matrix->calibration = NULL;
}

/* The classes of a row, read again if one of them makes names of the others. */
static void read_classes(struct reader *r, int *label, int *predicted)
{
    do {
        r->turned = false;
        *label = reader_class(r, r->table, r->label, r->named);
        if (*label < 0)
            return;
        *predicted = reader_class(r, r->table, r->predicted, r->named_predictions);
        if (*predicted < 0)
            die_at_row(r->table, "the row has a label, but no prediction");
        if (r->also >= 0)
            reader_class(r, r->table, (size_t)r->also, r->also_named);
    } while (r->turned);
}

static void add_row(struct reader *r)
{
    struct fmnn_error error;
    const struct matrix_request *request = r->request;
    uint64_t count = read_count(r);
    int label = -1, predicted = -1;
    if (r->matrix->counts)
        read_classes(r, &label, &predicted);
    reader_pair(r, r->table, label, r->label, r->class);
    reader_pair(r, r->table, predicted, r->predicted, r->predicted_class);
    if (request->each)
        request->each(request->context, r->table, label, predicted, count);
    if (label < 0) {
        if (count > INT64_MAX - r->matrix->skipped)
            die_at_row(r->table, "there are more than 2^63 - 1 rows without a label");
        r->matrix->skipped += count;
        return;
    }
    if (fmnn_confusion_add(r->matrix->counts, (size_t)label, (size_t)predicted, count, &error) != 0)
        die_at_row(r->table, "%s", error.message);
    add_probabilities(r, (size_t)label, (size_t)predicted, count);
    if (r->matrix->calibration)
        add_confidence(r, label == predicted, count);
}

/* ---- 4. The table ---- */

/* The header of a table of counts without its first one: of another table, or moved by sort(1). */
static bool is_header_of_counts(const struct reader *r)
{
    static const char *const names[] = {"label", "predicted", "count"};
    for (size_t i = 0; i < 3; i++)
        if (!r->headless || strcmp(fmnn_table_field(r->table, i), names[i]) != 0)
            return false;
    return true;
}

static void check(const struct reader *r)
{
    const char *name = fmnn_table_name(r->table), *only = r->request->only;
    uint64_t skipped = r->matrix->skipped;
    if (!r->begun)
        die("%s: no rows%s%s: there is nothing to %s%s", name, only ? " of split " : "",
            only ? only : "", r->request->purpose, only ? split_hint(only) : "");
    if (!r->matrix->counts || !fmnn_confusion_total(r->matrix->counts))
        die("%s: no row has a label: there is nothing to %s", name, r->request->purpose);
    if (skipped)
        note("%s: skipped %llu row%s without a label", name, (unsigned long long)skipped,
             skipped == 1 ? "" : "s");
}

void check_class_columns(const struct matrix_request *request)
{
    if (request->predicted_column && request->suffix)
        usage_error("--predicted-column and --suffix both name the column of the predictions");
    if (request->label_column && request->predicted_column &&
        !strcmp(request->label_column, request->predicted_column))
        usage_error("--label-column and --predicted-column name the same column");
}

static struct fmnn_table *open_predictions(const struct matrix_request *request)
{
    const char *columns[3] = {NULL};
    size_t count = 0;
    if (request->label_column)
        columns[count++] = request->label_column;
    if (request->predicted_column)
        columns[count++] = request->predicted_column;
    return open_table_columns(request->table, FMNN_TABLE_ROWS, columns, request->only);
}

static void free_reader(struct reader *r)
{
    pairs_free(&r->pairs);
    words_free(&r->words);
    free(r->ambiguous);
    free(r->name_only);
    free(r->known);
    free(r->probability);
    free(r->p);
    fmnn_table_close(r->table);
}

struct matrix matrix_read(const struct matrix_request *request)
{
    struct matrix matrix = {.cross_entropy = (double)NAN};
    struct reader r = {.request = request, .matrix = &matrix};
    check_class_columns(request);
    r.table = open_predictions(request);
    find_columns(&r);
    while (next_row(r.table)) {
        if (is_header_of_counts(&r))
            continue;
        if (!r.begun)
            begin(&r);
        if (!matrix.counts && has_label(&r))
            start(&r);
        add_row(&r);
    }
    check(&r);
    if (r.naming == WORDS) {
        sort_words(&r);
        fmnn_names_free(r.found);
    } else if (!matrix.names) {
        name_numbers(&r);
    }
    if (r.entropy)
        matrix.cross_entropy = fmnn_confusion_cross_entropy(matrix.counts);
    free_reader(&r);
    return matrix;
}

void matrix_free(struct matrix *matrix)
{
    fmnn_confusion_free(matrix->counts);
    fmnn_calibration_free(matrix->calibration);
    fmnn_ranking_free(matrix->ranking);
    fmnn_names_free(matrix->names);
}

char *matrix_class(const struct matrix *matrix, size_t i)
{
    size_t label = fmnn_confusion_label(matrix->counts, i);
    return matrix->names ? text_format("%s", matrix->names->name[label])
                         : text_format("%zu", label);
}
