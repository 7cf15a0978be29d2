/* table-names.c -- the names of a table's columns: those that are known, and those that a table
   without a header would have had. */
#include "data/table-names.h"

#include <stdio.h>

enum { MAX_CLASS = 65535 };

/* FMNN_TABLE_ROWS goes on with p0, p1, ..., and before them may have predicted_class. `class`
   stands before `predicted`. */
const char *const *fm_table_columns(enum fmnn_table_kind kind)
{
    static const char *const rows[] = {"image", "label", "split", "predicted", "confidence", NULL};
    static const char *const history[] = {"epoch",        "loss", "accuracy", "val_loss",
                                          "val_accuracy", "lr",   "seconds",  NULL};
    static const char *const counts[] = {"label", "predicted", "count", NULL};
    return kind == FMNN_TABLE_ROWS ? rows : kind == FMNN_TABLE_HISTORY ? history : counts;
}

/* ---- known names ---- */

bool fm_table_same_name(const char *a, const char *b)
{
    size_t n, m;
    a = fm_blank_ends(a, &n);
    b = fm_blank_ends(b, &m);
    return n == m && fm_same_letters(a, b, n);
}

const char *fm_table_alias(enum fmnn_table_kind kind, const char *name)
{
    static const char *const alias[][2] = {
        {"accuracy", "acc"}, {"val_accuracy", "val_acc"}, {"lr", "learning_rate"}};
    for (size_t i = 0; kind == FMNN_TABLE_HISTORY && i < FM_COUNT(alias); i++)
        if (!strcmp(name, alias[i][0]))
            return alias[i][1];
    return NULL;
}

/* The known name that is meant, other than p0, p1 ...; or NULL. */
static const char *known_name(enum fmnn_table_kind kind, const char *name)
{
    static const char *const more[] = {"class", "predicted_class"};
    for (const char *const *known = fm_table_columns(kind); *known; known++)
        if (fm_table_same_name(name, *known))
            return *known;
    for (size_t i = 0; kind == FMNN_TABLE_ROWS && i < FM_COUNT(more); i++)
        if (fm_table_same_name(name, more[i]))
            return more[i];
    return NULL;
}

static bool is_probability(enum fmnn_table_kind kind, const char *name, char letter)
{
    uint64_t digits;
    return kind == FMNN_TABLE_ROWS && name[0] == letter &&
           fm_parse_unsigned(name + 1, MAX_CLASS, &digits);
}

/* The fourth, sixth and seventh field of a row can be classes of any name: see
   fm_table_lost_header(). */
static bool is_class(size_t i)
{
    return i == 3 || i == 5 || i == 6;
}

bool fm_table_is_header(enum fmnn_table_kind kind, char *const *field, size_t count)
{
    uint64_t label;
    bool row =
        kind == FMNN_TABLE_ROWS && count >= 4 && fm_parse_unsigned(field[1], MAX_CLASS, &label);
    for (size_t i = 0; i < count; i++)
        if (!(row && is_class(i)) &&
            (known_name(kind, field[i]) || is_probability(kind, field[i], 'p')))
            return true;
    return false;
}

static bool contains(char *const *field, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(field[i], name))
            return true;
    return false;
}

/* The column that is wished and meant; or NULL. */
static const char *wished_name(const char *const *columns, const char *name)
{
    for (; columns && *columns; columns++)
        if (fm_table_same_name(name, *columns))
            return *columns;
    return NULL;
}

void fm_table_plain_names(enum fmnn_table_kind kind, const char *const *columns, char **field,
                          size_t count)
{
    bool lower = false;
    for (size_t i = 0; i < count; i++)
        lower |= is_probability(kind, field[i], 'p');
    for (size_t i = 0; i < count; i++) {
        const char *name = wished_name(columns, field[i]);
        const char *known = name ? name : known_name(kind, field[i]);
        if (known && strcmp(known, field[i]) != 0 && !contains(field, count, known)) {
            field[i] = fm_trim(field[i]);
            if (strlen(field[i]) == strlen(known)) /* a wish may have blanks itself */
                memcpy(field[i], known, strlen(known));
        } else if (!lower && is_probability(kind, field[i], 'P')) {
            field[i][0] = 'p';
        }
    }
}

/* predicted, predicted_WORD, and likewise for each column of a prediction. */
static bool is_prediction(const char *name)
{
    static const char *const begins[] = {"predicted_", "confidence_"};
    for (size_t i = 0; i < FM_COUNT(begins); i++)
        if (!strncmp(name, begins[i], strlen(begins[i])))
            return true;
    size_t digits = name[0] == 'p' ? strspn(name + 1, "0123456789") : 0;
    return digits && (!name[1 + digits] || name[1 + digits] == '_');
}

bool fm_table_is_known(enum fmnn_table_kind kind, const char *name)
{
    if (known_name(kind, name) || (kind == FMNN_TABLE_ROWS && is_prediction(name)))
        return true;
    for (const char *const *known = fm_table_columns(kind); *known; known++) {
        const char *alias = fm_table_alias(kind, *known);
        if (alias && !strcmp(name, alias))
            return true;
    }
    return false;
}

/* ---- lost headers ---- */

/* Whether the probability of the predicted class, which is the confidence, is where it would be if
   field `first` were p0. */
static bool fits_probabilities(char *const *field, size_t count, const char *confidence,
                               uint64_t predicted, size_t first)
{
    return first + predicted < count && !strcmp(field[first + predicted], confidence);
}

/* Whether the fourth column is the name of the class, as fm-split writes it, and not the
   prediction, which is a number, as the name may be. A prediction is followed by its confidence. */
static bool has_class(char *const *field, size_t count)
{
    uint64_t predicted, next;
    double confidence;
    if (count < 4)
        return false;
    if (!fm_parse_unsigned(field[3], MAX_CLASS, &predicted))
        return true;
    if (count == 4)
        return true; /* fm-predict writes no prediction without its confidence */
    if (count == 5 || !fm_parse_unsigned(field[4], MAX_CLASS, &next) ||
        !fm_parse_double(field[5], &confidence) || confidence < 0 || confidence > 1)
        return false;
    if (next != 1) /* not a confidence */
        return true;
    return !fits_probabilities(field, count, field[4], predicted, 5) &&
           (count == 6 || fits_probabilities(field, count, field[5], next, 6) ||
            fits_probabilities(field, count, field[5], next, 7));
}

/* Whether the column behind the confidence is the name of the predicted class and not p0; at is the
   column of the prediction. */
static bool has_predicted_class(char *const *field, size_t count, size_t at)
{
    double number;
    uint64_t predicted;
    if (count < at + 3 || !fm_parse_unsigned(field[at], MAX_CLASS, &predicted))
        return false;
    if (!fm_parse_double(field[at + 2], &number))
        return true;
    if (fits_probabilities(field, count, field[at + 1], predicted, at + 2))
        return false;
    return count == at + 3 || fits_probabilities(field, count, field[at + 1], predicted, at + 3);
}

char *fm_table_lost_header(enum fmnn_table_kind kind, char *const *field, size_t count,
                           struct fmnn_error *err)
{
    const char *const *known = fm_table_columns(kind);
    bool rows = kind == FMNN_TABLE_ROWS, class = rows && has_class(field, count);
    size_t predicted = class ? 4 : 3;
    bool name = rows && has_predicted_class(field, count, predicted);
    char *line = fm_alloc(count, 24, err), *end = line;
    if (!line)
        return NULL;
    for (size_t i = 0, rest = 0; i < count; i++) {
        if (i)
            *end++ = '\t';
        if (class && i == 3)
            end += sprintf(end, "class");
        else if (*known)
            end += sprintf(end, "%s", *known++);
        else if (name && i == predicted + 2)
            end += sprintf(end, "predicted_class");
        else
            end += sprintf(end, "p%zu", rest++);
    }
    return line;
}

/* ---- headers of other kinds ---- */

static bool has_name(char *const *field, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (fm_table_same_name(field[i], name))
            return true;
    return false;
}

const char *fm_table_other_kind(enum fmnn_table_kind kind, char *const *field, size_t count)
{
    bool predicted = has_name(field, count, "predicted"), counts = has_name(field, count, "count");
    if (kind != FMNN_TABLE_HISTORY)
        return has_name(field, count, "epoch") &&
                       (has_name(field, count, "loss") || has_name(field, count, "accuracy") ||
                        has_name(field, count, "acc"))
                   ? "a history, not a table of images or predictions"
                   : NULL;
    if (has_name(field, count, "image"))
        return predicted ? "a table of predictions, not a history"
                         : "a table of images, not a history";
    if (predicted && has_name(field, count, "label"))
        return counts ? "a table of counts, not a history"
                      : "a table of predictions, not a history";
    return NULL;
}

/* ---- unknown headers ---- */

/* Names are short words; what data begin with are paths, numbers and names of images. */
static bool like_a_name(const char *field)
{
    size_t length;
    const char *text = fm_blank_ends(field, &length);
    return length > 0 && length <= 40 && !(*text >= '0' && *text <= '9') &&
           strcspn(text, "/:.,;#\\") >= length;
}

bool fm_table_like_names(char *const *field, size_t count, char *text, size_t size)
{
    size_t used = 0, names = 0;
    for (size_t i = 0; i < count; i++) {
        bool name = like_a_name(field[i]);
        if (!name && (i > 0 || *field[i]))
            return false;
        names += name;
        if (used < size && i < 8)
            used +=
                (size_t)snprintf(text + used, size - used, "%s'%.40s'", i ? ", " : "", field[i]);
    }
    if (count > 8 && used < size)
        snprintf(text + used, size - used, " ...");
    return names > 0;
}
