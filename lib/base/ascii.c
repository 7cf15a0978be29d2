/* ascii.c -- known words in any case. The functions of libc go by the locale: in a Turkish one, the
   small letter of I is not i. */
#include "base/internal.h"

int fm_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (unsigned char)c;
}

bool fm_same_letters(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fm_lower(a[i]) != fm_lower(b[i]))
            return false;
    return true;
}

bool fm_same_word(const char *a, const char *b)
{
    size_t n = strlen(a);
    return strlen(b) == n && fm_same_letters(a, b, n);
}
