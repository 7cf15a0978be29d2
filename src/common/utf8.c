/* utf8.c -- makes text from elsewhere, which may contain anything, fit for terminals and images. */
#include "common/common.h"

/* False for characters that images and terminals cannot or should not show: control characters,
   changes of the direction of text, and what XML forbids. */
static bool printable(uint32_t c)
{
    return c >= 0x20 && !(c >= 0x7f && c < 0xa0) && c != 0xfffe && c != 0xffff && c != 0x2028 &&
           c != 0x2029 && !(c >= 0x202a && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

size_t text_next(const char *text, unsigned *character)
{
    uint32_t code;
    if (!*text)
        return 0;
    size_t length = fmnn_utf8_next(text, &code);
    *character = length && printable(code) ? code : '?';
    return length ? length : 1;
}

void text_mask(char *text)
{
    char *to = text;
    unsigned c;
    for (size_t n; (n = text_next(text, &c)) > 0; text += n)
        if (c == '?') {
            *to++ = '?';
        } else {
            memmove(to, text, n);
            to += n;
        }
    *to = 0;
}
