/* classes.c -- the classes in the fields of a table: numbers, or names. See classes.h. */
#include "common/common.h"
#include "common/classes.h"

#include <strings.h>

enum { MAX_NUMBER = 65535 };

/* ---- numbers */

/* The length of the digits at the start of "3" or "3.00"; 0 if the text is something else. */
static size_t whole_digits(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    const char *rest = text + digits;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0");
    return *rest ? 0 : digits;
}

/* The text without the sign of "-0.0", which is 0. */
static const char *unsigned_zero(const char *text)
{
    size_t digits = text[0] == '-' ? whole_digits(text + 1) : 0;
    return digits && strspn(text + 1, "0") == digits ? text + 1 : text;
}

bool class_number(const char *field, size_t *number)
{
    const char *text = unsigned_zero(field);
    size_t digits = whole_digits(text);
    *number = 0;
    if (!digits) {
        *number = !strcasecmp(text, "true");
        return *number || !strcasecmp(text, "false");
    }
    for (size_t i = 0; i < digits; i++) {
        *number = *number * 10 + (size_t)(text[i] - '0');
        if (*number > MAX_NUMBER)
            return false;
    }
    return true;
}

bool class_is_negative(const char *text)
{
    return text[0] == '-' && unsigned_zero(text) == text && whole_digits(text + 1) > 0;
}

/* ---- names */

/* Where the name is in the order of names, or would be. */
static size_t place_of(const struct class_words *words, const char *text)
{
    size_t low = 0, high = words->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(words->word[words->sorted[middle]], text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int words_find(const struct class_words *words, const char *text)
{
    size_t place = place_of(words, text);
    if (place == words->count || strcmp(words->word[words->sorted[place]], text) != 0)
        return -1;
    return (int)words->sorted[place];
}

static size_t insert(struct class_words *words, char *word)
{
    size_t place = place_of(words, word);
    while (place < words->count && !strcmp(words->word[words->sorted[place]], word))
        place++; /* a list may have a name twice: the first is found */
    xgrow((void **)&words->word, &words->capacity, words->count + 1, sizeof *words->word);
    xgrow((void **)&words->sorted, &words->sorted_capacity, words->count + 1,
          sizeof *words->sorted);
    memmove(words->sorted + place + 1, words->sorted + place,
            (words->count - place) * sizeof *words->sorted);
    words->word[words->count] = word;
    words->sorted[place] = words->count;
    return words->count++;
}

void words_take(struct class_words *words, const struct fmnn_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        insert(words, text_format("%s", names->name[i]));
}

size_t words_add_exactly(struct class_words *words, const char *text)
{
    int found = words_find(words, text);
    return found < 0 ? insert(words, text_format("%s", text)) : (size_t)found;
}

size_t words_add(struct class_words *words, const char *name)
{
    const char *text = unsigned_zero(name);
    size_t sign = text[0] == '-', digits = whole_digits(text + sign);
    int length = digits ? (int)(sign + digits) : (int)strlen(text);
    char *word = text_format("%.*s", length, text);
    size_t number = words_add_exactly(words, word);
    free(word);
    return number;
}

static int compare_by_value(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    long long p = strtoll(x, NULL, 10), q = strtoll(y, NULL, 10);
    return p == q ? strcmp(x, y) : (p > q) - (p < q);
}

struct fmnn_names *words_in_order(const struct class_words *words, size_t **rank)
{
    bool numbers = true;
    char **order = xcalloc(words->count, sizeof *order);
    for (size_t i = 0; i < words->count; i++) {
        const char *word = order[i] = words->word[words->sorted[i]];
        numbers = numbers && whole_digits(word + (word[0] == '-')) > 0;
    }
    if (numbers)
        qsort(order, words->count, sizeof *order, compare_by_value);
    *rank = xcalloc(words->count, sizeof **rank);
    for (size_t i = 0; i < words->count; i++)
        (*rank)[words_find(words, order[i])] = i;
    struct fmnn_names *names = copy_names((const char *const *)order, words->count);
    free(order);
    return names;
}

void words_free(struct class_words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->word[i]);
    free(words->word);
    free(words->sorted);
}
