/* utf8.c -- text of others, which may be anything, made fit to be shown. */
#include "common/common.h"

static size_t utf8_length(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return 2;
    if (first >= 0xe0 && first <= 0xef)
        return 3;
    return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

/* What no image and no terminal can show, or should: controls, what turns the direction of text,
   and what XML forbids. */
static bool printable(unsigned c)
{
    return c >= 0x20 && !(c >= 0x7f && c < 0xa0) && c != 0xfffe && c != 0xffff && c != 0x2028 &&
           c != 0x2029 && !(c >= 0x202a && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

size_t text_next(const char *text, unsigned *character)
{
    static const unsigned min[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *s = (const unsigned char *)text;
    if (!*s)
        return 0;
    size_t length = utf8_length(*s);
    unsigned c = length < 2 ? *s : *s & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            length = 0;
            break;
        }
        c = c << 6 | (s[i] & 0x3f);
    }
    if (length == 0 || c < min[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        *character = '?';
        return 1;
    }
    *character = printable(c) ? c : '?';
    return length;
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

char *text_clean(const char *text)
{
    char *clean = text_format("%s", text);
    text_mask(clean);
    return clean;
}
