/* words.c -- words of a text, and words that are not known. */
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
