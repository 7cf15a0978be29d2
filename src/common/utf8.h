/* utf8.h -- text from elsewhere, made fit for terminals and images. */
#ifndef UTF8_H
#define UTF8_H

#include <stddef.h>

/* The character at the start of UTF-8 text and its length in bytes, 0 at the end. '?' replaces
   invalid UTF-8 and what neither a terminal nor an image should show. */
size_t text_next(const char *text, unsigned *character);
void text_mask(char *text); /* makes these replacements in place */

#endif
