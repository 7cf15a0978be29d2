/* utf8.h -- text from elsewhere, made fit for terminals and images. */
#ifndef UTF8_H
#define UTF8_H

#include <stddef.h>

/* The character at the start of UTF-8 text and its length in bytes, 0 at the end. '?' replaces
   invalid UTF-8 and what neither a terminal nor an image should show. */
size_t text_next(const char *text, unsigned *character);
void text_mask(char *text); /* makes these replacements in place */

/* Columns on a terminal: none for a mark that combines with the character before, two for a wide
   character of East Asia. */
size_t character_cells(unsigned character);
size_t text_cells(const char *text);
/* The number of bytes of the characters that fit. */
size_t text_within(const char *text, size_t cells);
/* A copy, cut with a tilde if it is too wide; malloc'ed. */
char *text_fit_cells(const char *text, size_t cells);

#endif
