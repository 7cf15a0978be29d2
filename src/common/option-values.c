/* option-values.c -- checks and stores the values of options. */
#include "common/common.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>

uint64_t option_unsigned(const char *option, const char *text, uint64_t min, uint64_t max)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end)
        usage_error("%s: '%s' is not a whole number", option, text);
    if (errno || value < min || value > max)
        usage_error("%s: %s is not in %llu..%llu", option, text, (unsigned long long)min,
                    (unsigned long long)max);
    return value;
}

double option_double(const char *option, const char *text, double min, double max)
{
    char *end;
    double value = strtod(text, &end); /* programs stay in the C locale */
    if (isspace((unsigned char)text[0]) || end == text || *end || !isfinite(value))
        usage_error("%s: '%s' is not a number", option, text);
    if (value < min || value > max)
        usage_error("%s: %s is not in %g..%g", option, text, min, max);
    return value;
}

size_t option_word(const char *option, const char *text, const char *const *words)
{
    for (size_t i = 0; words[i]; i++)
        if (!strcmp(text, words[i]))
            return i;
    const char *nearest = fmnn_suggest(text, words);
    if (nearest)
        usage_error("%s: unknown word '%s'; did you mean '%s'?", option, text, nearest);
    char list[256] = "";
    for (size_t i = 0, used = 0; words[i] && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", words[i]);
    usage_error("%s: unknown word '%s' (known: %s)", option, text, list);
}

const char *option_suffix(const char *option, const char *text)
{
    if (!text[0] || strpbrk(text, "\t\n\r"))
        usage_error("%s: '%s' cannot be part of a column's name", option, text);
    return text;
}

static uint64_t count_of(const char *option, const char *text, const struct option_row *row)
{
    uint64_t limit = row->size == sizeof(uint32_t) ? UINT32_MAX : UINT64_MAX;
    return option_unsigned(option, text, (uint64_t)row->min,
                           row->max > 0 ? (uint64_t)row->max : limit);
}

static double real_of(const char *option, const char *text, const struct option_row *row)
{
    return option_double(option, text, row->min, row->max > 0 ? row->max : HUGE_VAL);
}

static const char *text_of(const char *option, const char *text, enum option_kind kind)
{
    if (kind == OPTION_SUFFIX)
        return option_suffix(option, text);
    if (kind == OPTION_FILE && !text[0])
        usage_error("%s: the file's name is empty", option);
    if (kind == OPTION_DIRECTORY && !text[0])
        usage_error("%s: the directory's name is empty", option);
    return text;
}

static void store_integer(uint64_t value, size_t size, void *target)
{
    bool truth = value != 0;
    uint32_t small = (uint32_t)value;
    if (size == sizeof truth)
        memcpy(target, &truth, size);
    else if (size == sizeof small)
        memcpy(target, &small, size);
    else
        memcpy(target, &value, sizeof value);
}

void option_store(const struct option_row *row, const char *text, void *target)
{
    char option[64];
    snprintf(option, sizeof option, "--%s", row->name);
    switch (row->kind) {
    case OPTION_FLAG:
        store_integer(true, row->size, target);
        break;
    case OPTION_COUNT:
        store_integer(count_of(option, text, row), row->size, target);
        break;
    case OPTION_WORD:
        store_integer(option_word(option, text, row->words), row->size, target);
        break;
    case OPTION_REAL:
        *(double *)target = real_of(option, text, row);
        break;
    default:
        *(const char **)target = text_of(option, text, row->kind);
    }
}
