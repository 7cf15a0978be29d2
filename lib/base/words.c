/* words.c -- words of a text, those that are not known, and the blanks around them. */
#include "base/internal.h"

#include <stdio.h>

int fm_fail_unknown(struct fmnn_error *err, const char *what, const char *word,
                    const char *const *known)
{
    char list[768] = "";
    const char *nearest = fmnn_suggest(word, known);
    if (nearest)
        return fm_fail(err, FMNN_USAGE, "%s '%s'; did you mean '%s'?", what, word, nearest);
    for (size_t i = 0, used = 0; known[i] && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", known[i]);
    return fm_fail(err, FMNN_USAGE, "%s '%s' (known: %s)", what, word, list);
}

bool fm_cut_word(const char **text, const char *between, char *word, size_t size)
{
    *text += strspn(*text, between);
    size_t length = strcspn(*text, between);
    snprintf(word, size, "%.*s", (int)length, *text);
    *text += length;
    return length > 0;
}

const char *fm_blank_ends(const char *text, size_t *length)
{
    static const char blank[] = "\xc2\xa0";
    while (*text == ' ' || !strncmp(text, blank, 2))
        text += *text == ' ' ? 1 : 2;
    const char *end = text + strlen(text);
    while (end > text && (end[-1] == ' ' || (end - text >= 2 && !memcmp(end - 2, blank, 2))))
        end -= end[-1] == ' ' ? 1 : 2;
    *length = (size_t)(end - text);
    return text;
}

char *fm_trim(char *text)
{
    size_t length;
    text += fm_blank_ends(text, &length) - text;
    text[length] = 0;
    return text;
}
