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

static bool is_wide(unsigned c)
{
    return (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
           (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
           (c >= 0xff00 && c <= 0xff60) || (c >= 0x1f300 && c <= 0x1faff) || c >= 0x20000;
}

static bool is_mark(unsigned c) /* combines with the character before */
{
    return (c >= 0x300 && c <= 0x36f) || (c >= 0x200b && c <= 0x200f) || c == 0xfe0f;
}

size_t character_cells(unsigned c)
{
    return is_mark(c) ? 0 : is_wide(c) ? 2 : 1;
}

size_t text_cells(const char *text)
{
    size_t cells = 0;
    unsigned c;
    for (size_t n; (n = text_next(text, &c)) > 0; text += n)
        cells += character_cells(c);
    return cells;
}

size_t text_within(const char *text, size_t cells)
{
    size_t end = 0, used = 0;
    unsigned c;
    for (size_t n; (n = text_next(text + end, &c)) > 0; end += n) {
        used += character_cells(c);
        if (used > cells)
            break;
    }
    return end;
}

char *text_fit_cells(const char *text, size_t cells)
{
    if (text_cells(text) <= cells)
        return text_format("%s", text);
    return text_format("%.*s~", cells ? (int)text_within(text, cells - 1) : 0, text);
}
