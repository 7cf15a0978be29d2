/* unicode.c -- UTF-8 as RFC 3629 defines it: shortest forms only, no surrogates. */
#include "base/internal.h"

static size_t length_by_first_byte(unsigned char first)
{
    return first < 0x80             ? 1
           : (first & 0xe0) == 0xc0 ? 2
           : (first & 0xf0) == 0xe0 ? 3
           : (first & 0xf8) == 0xf0 ? 4
                                    : 0;
}

size_t fmnn_utf8_next(const char *text, uint32_t *code)
{
    static const uint32_t min[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *byte = (const unsigned char *)text;
    size_t length = length_by_first_byte(byte[0]);
    if (length == 0)
        return 0;
    *code = length == 1 ? byte[0] : byte[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((byte[i] & 0xc0) != 0x80) /* stops at the terminating zero, too */
            return 0;
        *code = *code << 6 | (byte[i] & 0x3fu);
    }
    bool good = *code >= min[length] && *code <= 0x10ffff && (*code & 0xfffff800u) != 0xd800;
    return good ? length : 0;
}

bool fm_is_utf8(const char *text)
{
    uint32_t code;
    size_t n = 1;
    for (; *text && n; text += n)
        n = fmnn_utf8_next(text, &code);
    return n != 0;
}
