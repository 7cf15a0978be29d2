/* corpus.h -- what the parts of mkcorpus share: bytes to files, and the list of what they are. */
#ifndef CORPUS_H
#define CORPUS_H

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

/* What the programs should make of a file. Unsupported: nothing is wrong with it, but it is
   refused, and so the message says. */
#define GOOD "good"
#define BAD "bad"
#define UNSUPPORTED "unsupported"

/* A line of the list. The message is a part of what should be said, "" where anything will do. */
void tell(const char *kind, const char *path, const char *verdict, const char *message,
          const char *what);

/* The image that all good images show, SIDE x SIDE, black and white, row by row. */
enum { SIDE = 4 };
uint8_t pixel(unsigned y, unsigned x);

void make_weights(void);
void make_idx(void);
void make_png(void);
void make_tables(void);

#endif
