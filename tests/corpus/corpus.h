/* corpus.h -- for all parts of mkcorpus: building files from bytes, and listing them. */
#ifndef CORPUS_H
#define CORPUS_H

#ifdef HAVE_CONFIG_H
#include <config.h> /* how wide off_t is */
#endif
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

struct buffer {
    uint8_t *bytes;
    size_t used, room;
};

void put(struct buffer *buffer, const void *bytes, size_t count);
void put_text(struct buffer *buffer, const char *text);
void put_zeros(struct buffer *buffer, size_t count);
void put_big(struct buffer *buffer, uint32_t value);    /* most significant byte first */
void put_little(struct buffer *buffer, uint32_t value); /* least significant byte first */
void save(const char *path, const struct buffer *buffer);
void make_directory(const char *path);
char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The expected verdict of the programs. UNSUPPORTED: the file is valid, but refused with a message
   that says so. */
#define GOOD "good"
#define BAD "bad"
#define UNSUPPORTED "unsupported"

/* Prints a line of the list. message: a part of the expected error message, "" if any will do. */
void list(const char *kind, const char *path, const char *verdict, const char *message,
          const char *what);

/* The image that all good images show, SIDE x SIDE, black and white, row by row. */
enum { SIDE = 4 };
uint8_t pixel(unsigned y, unsigned x);

void make_weights(void);
void make_idx(void);
void make_png(void);
void make_photos(void);
void make_tables(void);

#endif
