/* numbers.c -- text to numbers and back, independent of the locale and the rounding mode. */
#include "base/float.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>

bool fm_parse_unsigned(const char *text, uint64_t max, uint64_t *value)
{
    uint64_t sum = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        uint64_t digit = (uint64_t)(*text - '0');
        if (sum > (UINT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return sum <= max;
}

/* Whether text is a sign, digits with at most one '.', and an exponent. strtod() accepts more:
   blanks, hexadecimal, "nan" and "infinity". */
static bool looks_decimal(const char *text)
{
    bool digits = false;
    if (*text == '-' || *text == '+')
        text++;
    for (; *text >= '0' && *text <= '9'; text++)
        digits = true;
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9'; text++)
            digits = true;
    if (!digits)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        if (*text == '-' || *text == '+')
            text++;
        if (*text < '0' || *text > '9')
            return false;
        while (*text >= '0' && *text <= '9')
            text++;
    }
    return !*text;
}

bool fm_parse_double(const char *text, double *value)
{
    if (!looks_decimal(text))
        return false;
    /* strtod() goes by the locale, whose decimal point may be a comma. */
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!plain)
        return false; /* no test: libc has the C locale built in */
    fm_float_state mode = fm_float_enter();
    locale_t before = uselocale(plain);
    *value = strtod(text, NULL);
    uselocale(before);
    fm_float_leave(mode);
    freelocale(plain);
    return isfinite(*value);
}

/* ---- numbers to text: "%.9g" in the C locale ---- */

enum { DIGITS = 9 };

/* A number rounded to nine digits, half to even: digits * 10^(exponent - 8), with digits
   10^8 .. 10^9, the latter if rounding carried. */
struct decimal {
    uint32_t digits;
    int exponent;
};

/* A table of probabilities may hold hundreds of thousands of numbers, so numbers in the usual range
   are converted by integer arithmetic, which is exact and faster than printf(). Returns false for
   other numbers. */
#ifdef __SIZEOF_INT128__
__extension__ typedef unsigned __int128 wide;

static uint64_t power_of_5(int k)
{
    uint64_t power = 1, square = 5;
    for (; k; k >>= 1, square *= square)
        if (k & 1)
            power *= square;
    return power;
}

/* value / 2^shift, rounded down, and whether rounding to nearest (half to even) rounds it up. */
static uint64_t cut(wide value, int shift, bool *up)
{
    *up = false;
    if (shift <= 0)
        return (uint64_t)(value << -shift);
    uint64_t whole = (uint64_t)(value >> shift);
    wide rest = value - ((wide)whole << shift), half = (wide)1 << (shift - 1);
    *up = rest > half || (rest == half && (whole & 1));
    return whole;
}

static bool to_decimal(double number, struct decimal *decimal)
{
    enum { LIMIT = 27 }; /* 5^27 < 2^63 */
    int two;
    if (!(number >= 1e-30 && number < 999999999))
        return false;
    uint64_t mantissa = (uint64_t)ldexp(frexp(number, &two), 53); /* number = mantissa * 2^two */
    two -= 53;
    int zeros = __builtin_ctzll(mantissa);
    mantissa >>= zeros;
    two += zeros;
    int bits = 64 - __builtin_clzll(mantissa);
    /* The estimate of the number's decimal exponent, by log10(2), is exact or one too small. */
    int ten = DIGITS - 1 - (int)floor((two + bits - 1) * 0.30103);
    for (;; ten--) {
        if (ten < 0 || (ten > LIMIT && bits > 24))
            return false;
        wide product = (wide)mantissa * power_of_5(ten < LIMIT ? ten : LIMIT);
        if (ten > LIMIT)
            product *= power_of_5(ten - LIMIT); /* below 2^24 * 5^40 */
        bool up;
        uint64_t whole = cut(product, -two - ten, &up);
        if (whole >= 1000000000)
            continue;
        decimal->digits = (uint32_t)whole + up;
        decimal->exponent = DIGITS - 1 - ten;
        return true;
    }
}
#else
static bool to_decimal(double number, struct decimal *decimal)
{
    (void)number, (void)decimal;
    return false;
}
#endif

static void print_decimal(char *text, struct decimal d)
{
    char digit[DIGITS];
    int count = DIGITS, shown = 0, x = d.exponent;
    bool scientific = x < -4 || x >= DIGITS;
    for (int i = DIGITS; i-- > 0; d.digits /= 10)
        digit[i] = (char)('0' + d.digits % 10);
    while (count > 1 && digit[count - 1] == '0')
        count--;
    int before = scientific ? 1 : x + 1; /* digits before the point */
    if (before <= 0)
        *text++ = '0';
    for (; shown < before; shown++)
        *text++ = digit[shown]; /* an integer's trailing zeros too */
    if (shown < count)
        *text++ = '.';
    for (; before < 0; before++)
        *text++ = '0';
    for (; shown < count; shown++)
        *text++ = digit[shown];
    if (scientific)
        text += sprintf(text, "e%c%02d", x < 0 ? '-' : '+', abs(x));
    *text = 0;
}

/* A locale's decimal point may be any bytes except digits, letters and signs. */
static void print_by_libc(char text[32], double number)
{
    char local[64], *end = text;
    fm_float_state before = fm_float_enter();
    snprintf(local, sizeof local, "%.9g", number);
    fm_float_leave(before);
    for (const char *c = local; *c;) {
        size_t plain = strspn(c, "0123456789+-einfa");
        memcpy(end, c, plain);
        end += plain;
        c += plain;
        size_t point = strcspn(c, "0123456789+-einfa");
        if (point)
            *end++ = '.';
        c += point;
    }
    *end = 0;
}

void fmnn_format_number(char text[32], double number)
{
    struct decimal decimal;
    double size = fabs(number);
    if (!to_decimal(size, &decimal)) {
        print_by_libc(text, number);
        return;
    }
    if (decimal.digits == 1000000000) { /* rounded up to ten digits */
        decimal.digits = 100000000;
        decimal.exponent++;
    }
    if (number < 0)
        *text++ = '-';
    print_decimal(text, decimal);
}

double fm_rounded(double number)
{
    char text[32];
    fmnn_format_number(text, number);
    return fm_parse_double(text, &number) ? number : 0;
}
