/* train-classes.c -- the classes of a training: their labels, and their names from the column
   `class`; notes on what is odd about them. */
#include "train/train-classes.h"

#include <strings.h>

enum { NONE = -1 };

struct classes *classes_new(const struct fmnn_table *table, bool nameless)
{
    struct classes *c = xcalloc(1, sizeof *c);
    c->table = table;
    c->label = fmnn_table_find(table, "label");
    c->class = nameless && c->label >= 0 ? NONE : fmnn_table_find(table, "class");
    if (c->label < 0 && c->class < 0)
        need_column(table, "label"); /* fails with the right message */
    return c;
}

bool classes_are_in_table(const struct classes *c)
{
    return c->class >= 0;
}

void classes_free(struct classes *c)
{
    free(c->of);
    pairs_free(&c->pairs);
    words_free(&c->words);
    free(c);
}

static struct class_of *class_at(struct classes *c, size_t label)
{
    size_t before = c->count;
    if (label < before)
        return &c->of[label];
    xgrow((void **)&c->of, &c->capacity, label + 1, sizeof *c->of);
    memset(c->of + before, 0, (label + 1 - before) * sizeof *c->of);
    c->count = label + 1;
    return &c->of[label];
}

static void use_label(struct classes *c, size_t label)
{
    class_at(c, label);
    c->labels = label < c->labels ? c->labels : label + 1;
}

/* Label and class must always go together, and agree with a list that is given. */
static void check_name(struct classes *c, const struct fmnn_names *names, size_t label,
                       const char *name)
{
    if (names && label < names->count && strcmp(names->name[label], name) != 0)
        die_at_row(c->table, "class '%.100s' has label %zu, but %s names class %zu '%.100s'", name,
                   label, names->source ? names->source : "the list", label, names->name[label]);
    use_label(c, label);
    pairs_add(&c->pairs, c->table, "label", label, name);
}

/* The number of the label. The table's own names count more than those found, so these do not limit
   labels that are numbers. */
static int label_of_row(const struct classes *c, const struct fmnn_names *given,
                        const struct fmnn_names *found)
{
    int number;
    bool is_name = fmnn_table_label(c->table, (size_t)c->label, 0, &number, NULL) != 0;
    return row_class(c->table, (size_t)c->label,
                     given                     ? given
                     : c->class < 0 || is_name ? found
                                               : NULL);
}

int classes_of_row(struct classes *c, const struct fmnn_names *given,
                   const struct fmnn_names *found)
{
    const char *name = c->class < 0 ? "" : fmnn_table_field(c->table, (size_t)c->class);
    if (c->label >= 0) {
        int label = label_of_row(c, given, found);
        if (label >= 0 && name[0])
            check_name(c, given, (size_t)label, name);
        return label;
    }
    if (!name[0])
        return NONE;
    size_t label = words_add_exactly(&c->words, name);
    if (label > UINT16_MAX)
        die_at_row(c->table, "more than %d classes", UINT16_MAX + 1);
    return (int)label;
}

void classes_count(struct classes *c, int label, enum use use)
{
    if (label < 0)
        return;
    class_at(c, (size_t)label)->rows[use]++;
    if (use != NOT_USED)
        use_label(c, (size_t)label);
}

/* ---- the names, when all rows are known */

/* Whether a list has all names of the table. */
static bool has_all(const struct fmnn_names *list, const struct class_words *words)
{
    for (size_t i = 0; i < words->count; i++)
        if (fmnn_names_find(list, words->word[i]) == list->count)
            return false;
    return true;
}

/* Without labels, the classes of a list have its order, and others that of their names. */
static struct fmnn_names *name_words(struct classes *c, struct fmnn_names *given,
                                     struct fmnn_names *found, size_t **to)
{
    struct fmnn_names *names = given ? given : found && has_all(found, &c->words) ? found : NULL;
    if (!names) {
        char **sorted = xcalloc(c->words.count, sizeof *sorted);
        memcpy(sorted, c->words.word, c->words.count * sizeof *sorted);
        text_sort(sorted, c->words.count);
        names = copy_names((const char *const *)sorted, c->words.count);
        free(sorted);
    }
    *to = xcalloc(c->words.count, sizeof **to);
    for (size_t i = 0; i < c->words.count; i++) {
        size_t label = fmnn_names_find(names, c->words.word[i]);
        if (label == names->count)
            die("%s: class '%.100s' is not among the %zu names in %s", fmnn_table_name(c->table),
                c->words.word[i], names->count, names->source ? names->source : "the list");
        (*to)[i] = label;
    }
    return names;
}

struct fmnn_names *classes_name(struct classes *c, struct fmnn_names *given,
                                struct fmnn_names *found, size_t **to)
{
    *to = NULL;
    if (c->label < 0)
        return name_words(c, given, found, to);
    return given ? given : pairs_names(&c->pairs, c->labels, found, fmnn_table_name(c->table));
}

/* ---- notes */

void classes_note(const struct classes *c, bool listed, size_t classes)
{
    size_t occur = 0, used = 0, missing = 0, untrained = 0, example = 0;
    uint64_t train = 0, valid = 0;
    for (size_t i = c->count; i-- > 0;) {
        const uint64_t *rows = c->of[i].rows;
        bool trained = rows[FOR_TRAINING] > 0, validated = rows[FOR_VALIDATION] > 0;
        occur += i < classes && (trained || validated || rows[NOT_USED]);
        used += trained || validated;
        train += rows[FOR_TRAINING];
        valid += rows[FOR_VALIDATION];
        untrained += validated && !trained;
        if (trained && !validated) {
            missing++;
            example = i;
        }
    }
    const char *name = fmnn_table_name(c->table);
    if (!listed && used && occur < classes)
        note("%s: %zu classes, but only %zu occur: labels have gaps", name, classes, occur);
    if (missing && valid)
        note("%s: %zu of %zu classes, such as %zu, have training images but no validation images",
             name, missing, used, example);
    if (untrained && train)
        note("%s: %zu of %zu classes have validation images but no training images", name,
             untrained, used);
}

void classes_note_split(struct classes *c, const char *split)
{
    static const char *const others[][2] = {
        {"val", "valid"},      {"validation", "valid"}, {"dev", "valid"},   {"eval", "valid"},
        {"training", "train"}, {"trn", "train"},        {"valid", "valid"}, {"train", "train"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!strcasecmp(split, others[i][0])) {
            unsigned bit = 1U << i;
            if (!(c->noted & bit))
                note("%s:%zu: rows of split '%s' are not used; did you mean '%s'?",
                     fmnn_table_name(c->table), fmnn_table_line(c->table), split, others[i][1]);
            c->noted |= bit;
        }
}
