/* class-pairs.c -- the names that a table gives to the numbers of classes. */
#include "common/common.h"
#include "common/class-pairs.h"

static struct class_pair *pair_of(struct class_pairs *pairs, size_t number)
{
    size_t before = pairs->count;
    if (number < before)
        return &pairs->of[number];
    xgrow((void **)&pairs->of, &pairs->capacity, number + 1, sizeof *pairs->of);
    memset(pairs->of + before, 0, (number + 1 - before) * sizeof *pairs->of);
    pairs->count = number + 1;
    return &pairs->of[number];
}

/* A pair does not agree with one before. */
static _Noreturn void die_of_pair(const struct fmnn_table *table, const char *column, size_t number,
                                  const char *name, const struct class_pairs *pairs, size_t before)
{
    const struct class_pair *other = &pairs->of[before];
    bool elsewhere = strcmp(other->table, fmnn_table_name(table)) != 0;
    const char *where =
        elsewhere ? text_format("in %.200s", other->table) : text_format("in a line before");
    if (strcmp(column, other->column) != 0)
        die_at_row(table,
                   "%s %zu has the class '%.100s', but %s %zu has '%.100s'%s%s: labels and "
                   "predictions count the classes differently; compare their names instead of the "
                   "numbers",
                   column, number, name, other->column, before, other->name, elsewhere ? " " : "",
                   elsewhere ? where : "");
    if (number == before)
        die_at_row(table, "%s %zu has the class '%.100s', but '%.100s' %s", column, number, name,
                   other->name, where);
    die_at_row(table, "class '%.100s' has %s %zu, but %s %zu %s", name, column, number, column,
               before, where);
}

void pairs_add(struct class_pairs *pairs, const struct fmnn_table *table, const char *column,
               size_t number, const char *name)
{
    struct class_pair *pair = pair_of(pairs, number);
    if (pair->name && strcmp(pair->name, name) != 0)
        die_of_pair(table, column, number, name, pairs, number);
    if (pair->name)
        return;
    size_t known = pairs->words.count, word = words_add_exactly(&pairs->words, name);
    if (word < known)
        die_of_pair(table, column, number, name, pairs, pairs->number[word]);
    xgrow((void **)&pairs->number, &pairs->numbers, word + 1, sizeof *pairs->number);
    pairs->number[word] = number;
    pair->name = text_format("%s", name);
    pair->column = text_format("%s", column);
    pair->table = text_format("%s", fmnn_table_name(table));
}

static bool agrees(const struct class_pairs *pairs, size_t count, const struct fmnn_names *list)
{
    if (list->count < count || list->count < pairs->count)
        return false;
    for (size_t i = 0; i < pairs->count; i++)
        if (pairs->of[i].name && strcmp(pairs->of[i].name, list->name[i]) != 0)
            return false;
    return true;
}

/* The name of a number that has none, which is the number unless another class has that name:
   folders 1, 2 and 3 have the numbers 0, 1 and 2. Malloc'ed. */
static char *own_name(const struct class_pairs *pairs, size_t number)
{
    char *name = text_format("%zu", number);
    while (words_find(&pairs->words, name) >= 0) {
        char *longer = text_format("class %s", name);
        free(name);
        name = longer;
    }
    return name;
}

static struct fmnn_names *make_names(const struct class_pairs *pairs, size_t count)
{
    char **name = xcalloc(count, sizeof *name);
    for (size_t i = 0; i < count; i++)
        name[i] = i < pairs->count && pairs->of[i].name ? text_format("%s", pairs->of[i].name)
                                                        : own_name(pairs, i);
    struct fmnn_names *names = copy_names((const char *const *)name, count);
    for (size_t i = 0; i < count; i++)
        free(name[i]);
    free(name);
    return names;
}

struct fmnn_names *pairs_names(const struct class_pairs *pairs, size_t count,
                               struct fmnn_names *found, const char *table)
{
    if (!pairs->words.count || (found && agrees(pairs, count, found)))
        return found;
    if (found)
        note("%s: its classes are not those of %s; the names in the table count", table,
             found->source ? found->source : "the data directory");
    return make_names(pairs, count > pairs->count ? count : pairs->count);
}

void pairs_free(struct class_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->of[i].name);
        free(pairs->of[i].column);
        free(pairs->of[i].table);
    }
    free(pairs->of);
    free(pairs->number);
    words_free(&pairs->words);
}

int pair_check(const struct fmnn_names *names, const char *source, const struct fmnn_table *table,
               const char *column, size_t number, const char *name, bool *noted,
               struct fmnn_error *err)
{
    if (number < names->count && !strcmp(names->name[number], name))
        return 0;
    size_t at = fmnn_names_find(names, name);
    if (at < names->count)
        return fmnn_table_fail(table, err,
                               "class '%.100s' has %s %zu, but it is class %zu of %.300s: they "
                               "count the classes differently",
                               name, column, number, at, source);
    if (!*noted)
        note("%s:%zu: class '%.100s' is not among the %zu names in %s", fmnn_table_name(table),
             fmnn_table_line(table), name, names->count, source);
    *noted = true;
    return 0;
}

bool note_other_order(const char *where, const struct fmnn_names *names, const char *source,
                      const struct fmnn_names *others, const char *other_source)
{
    for (size_t i = 0; i < names->count; i++) {
        size_t at = fmnn_names_find(others, names->name[i]);
        if (at < others->count && at != i) {
            note("%s: '%.100s' is class %zu of %s, but class %zu of %s", where, names->name[i], i,
                 source, at, other_source);
            return true;
        }
    }
    return false;
}
