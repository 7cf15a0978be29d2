/* corpus-tables.c -- tables for each program that reads tables. They name the images of
   idx/good. */
#include "corpus.h"

#include <stdlib.h>
#include <string.h>

#define P "idx/good/train-images-idx3-ubyte"
#define S "image\tlabel\tsplit\n"
#define TRAIN P ":0\t0\ttrain\n" P ":1\t1\ttrain\n"
#define C "label\tpredicted\n"
#define E "epoch\tloss\taccuracy\tval_loss\tval_accuracy\tlr\tseconds\n"

/* The kind says which program reads the table. A message begins with the line number. */
static const struct {
    const char *kind, *name, *verdict, *message, *what, *text;
} rows[] = {
    {"predict", "p-good", GOOD, "", "a table", S P ":0\t0\ttest\n" P ":1\t\t\n"},
    {"predict", "p-headless", GOOD, "", "no header", P ":0\t0\ttest\n"},
    {"predict", "p-moved", GOOD, "", "a header in the middle",
     S P ":0\t0\ttest\n" S P ":1\t1\tx\n"},
    {"predict", "p-reordered", GOOD, "", "columns in another order, and unknown columns",
     "x\tsplit\timage\tl\303\251\n\ttest\t" P ":0\t\n"},
    {"predict", "p-no-feed", GOOD, "", "no line feed at the end", S P ":0\t0\ttest"},
    {"predict", "p-header", GOOD, "", "a header alone", S},
    {"predict", "p-empty", BAD, ": no input", "no bytes", ""},
    {"predict", "p-no-column", BAD, ":1: no column 'image'", "no column image",
     "label\tsplit\n1\ttest\n"},
    {"predict", "p-twice", BAD, ":1: two columns are named 'image'", "a column twice",
     "image\timage\na\tb\n"},
    {"predict", "p-short", BAD, ":3: 2 fields, but the header names 3", "a short line",
     S P ":0\t0\ttest\n" P ":1\t0\n"},
    {"predict", "p-long", BAD, ":2: 4 fields, but the header names 3", "a long line",
     S P ":0\t0\ttest\t\n"},
    {"predict", "p-blank", BAD, ":3: the line is empty", "an empty line",
     S P ":0\t0\ttest\n\n" P ":1\t0\ttest\n"},
    {"predict", "p-return", GOOD, "", "DOS line ends", "image\r\n" P ":0\r\n"},
    {"predict", "p-mark", GOOD, "", "a byte order mark", "\357\273\277" S P ":0\t0\ttest\n"},
    {"predict", "p-spaces", BAD, ":1: ", "spaces for tabs", "image label split\n" P ":0 0 test\n"},
    {"predict", "p-no-row", BAD, ":2: " P ":2: ", "a row that does not exist", S P ":2\t0\ttest\n"},
    {"predict", "p-huge-row", BAD, ":2: ", "row 2^64", S P ":18446744073709551616\t0\ttest\n"},
    {"predict", "p-minus-row", BAD, ":2: ", "row -1", S P ":-1\t0\ttest\n"},
    {"predict", "p-no-file", BAD, ":2: nothing.png: No such file", "a file that does not exist",
     S "nothing.png\t0\ttest\n"},
    {"predict", "p-no-name", BAD, ":2: the name of the image is empty", "a name of no bytes",
     S "\t0\ttest\n"},
    {"predict", "p-no-colon", BAD, ":2: 'abc' is not the name of an image",
     "a name that is no image", S "abc\t0\ttest\n"},
    {"predict", "p-bad-idx", BAD, ":3: ", "an image from a bad file",
     S P ":0\t0\ttest\nidx/type-07/train-images-idx3-ubyte:0\t0\ttest\n"},
    {"predict", "p-bad-png", BAD, ":2: png/crc-idat.png: ", "a bad image",
     S "png/crc-idat.png\t0\ttest\n"},
    {"predict", "p-predicted", BAD, "already has a column 'predicted'", "a column predicted",
     "image\tpredicted\n" P ":0\t0\n"},
    {"train", "t-good", GOOD, "", "a table", S TRAIN},
    {"train", "t-valid", GOOD, "", "a validation set", S TRAIN P ":0\t0\tvalid\n"},
    {"train", "t-empty", BAD, ": no input", "no bytes", ""},
    {"train", "t-header", BAD, ": no row of split 'train'", "a header alone", S},
    {"train", "t-none", BAD, ": no row of split 'train'", "only test rows", S P ":0\t0\ttest\n"},
    {"train", "t-no-label", BAD, ":4: a row of split 'train' has no label", "a row without label",
     S TRAIN P ":0\t\ttrain\n"},
    {"train", "t-word", BAD, ":4: label 'shirt' is not a number", "a label that is a word",
     S TRAIN P ":0\tshirt\ttrain\n"},
    {"train", "t-minus", BAD, ":4: label '-1' is not a number", "a label below zero",
     S TRAIN P ":0\t-1\ttrain\n"},
    {"train", "t-fraction", GOOD, "", "a label of 1.0", S TRAIN P ":0\t1.0\ttrain\n"},
    {"train", "t-space", GOOD, "", "a space before a label", S TRAIN P ":0\t 1\ttrain\n"},
    {"train", "t-huge", BAD, ":4: label '18446744073709551617' is not a number from 0 to",
     "a label of 2^64 + 1", S TRAIN P ":0\t18446744073709551617\ttrain\n"},
    {"train", "t-no-split", BAD, ":1: no column 'split'", "no column split",
     "image\tlabel\n" P ":0\t0\n"},
    {"train", "t-short", BAD, ":4: 1 field", "a short line", S TRAIN P ":0\n"},
    {"train", "t-no-row", BAD, ":4: " P ":9: ", "a row that does not exist",
     S TRAIN P ":9\t0\ttrain\n"},
    {"train", "t-size", BAD, ":4: ", "an image of another size",
     S TRAIN "png/wide.png\t0\ttrain\n"},
    {"confusion", "c-good", GOOD, "", "predictions", C "0\t1\n1\t1\n"},
    {"confusion", "c-counts", GOOD, "", "counts", "label\tpredicted\tcount\n0\t0\t5\n0\t1\t0\n"},
    {"confusion", "c-unknown", GOOD, "", "rows without label", C "0\t1\n\t1\n"},
    {"confusion", "c-empty", BAD, ": no input", "no bytes", ""},
    {"confusion", "c-header", BAD, ": no rows", "a header alone", C},
    {"confusion", "c-no-label", BAD, ":1: no column 'label'", "no column label", "predicted\n1\n"},
    {"confusion", "c-word", BAD, ":3: label 'x' is not a number", "a label that is a word",
     C "1\t1\nx\t1\n"},
    {"confusion", "c-exponent", BAD, ":2: predicted '1e0' is not a number", "a prediction of 1e0",
     C "1\t1e0\n"},
    {"confusion", "c-none", BAD, ":2: the row has a label, but no prediction", "no prediction",
     C "1\t\n"},
    {"confusion", "c-huge", BAD, ":2: label '4096' is not a number from 0 to 4095",
     "a label of 4096", C "4096\t1\n"},
    {"confusion", "c-count", BAD, ":2: the count is not a whole number", "a count of -1",
     "label\tpredicted\tcount\n0\t0\t-1\n"},
    {"confusion", "c-sum", BAD, ":3: the counts add up", "counts beyond 2^63",
     "label\tpredicted\tcount\n0\t0\t9223372036854775807\n0\t0\t1\n"},
    {"confusion", "c-p", BAD, ":2: p0 'nan' is not a number", "a probability that is NaN",
     "label\tpredicted\tp0\n0\t0\tnan\n"},
    {"confusion", "c-above", BAD, ":2: a probability is not in 0..1", "a probability of 1.5",
     "label\tpredicted\tp0\n0\t0\t1.5\n"},
    {"confusion", "c-comma", BAD, ":2: p0 '0,5' is not a number", "a decimal comma",
     "label\tpredicted\tp0\n0\t0\t0,5\n"},
    {"history", "h-good", GOOD, "", "a history", E "1\t2.3\t0.1\t2.2\t0.2\t1e-3\t5\n"},
    {"history", "h-no-valid", GOOD, "", "no validation set", E "1\t2.3\t0.1\t\t\t1e-3\t5\n"},
    {"history", "h-empty", BAD, ": no input", "no bytes", ""},
    {"history", "h-header", BAD, ": no epochs", "a header alone", E},
    {"history", "h-twice", BAD, ":3: epoch 1 again", "an epoch twice",
     E "1\t2\t0.1\t\t\t1e-3\t5\n1\t2\t0.1\t\t\t1e-3\t5\n"},
    {"history", "h-word", BAD, ":2: loss 'low' is not a number", "a loss that is a word",
     E "1\tlow\t0.1\t\t\t1e-3\t5\n"},
    {"history", "h-short", BAD, ":2: 2 fields", "a short line", E "1\t2.3\n"},
    {"matrix", "m-good", GOOD, "", "counts", "label\tpredicted\tcount\n0\t0\t5\n0\t1\t0\n"},
    {"matrix", "m-word", BAD, ":2: the count is not a whole number", "a count that is a word",
     "label\tpredicted\tcount\n0\t0\tfive\n"},
    {"matrix", "m-none", BAD, "no column 'predicted'", "no predictions", S P ":0\t0\ttest\n"},
    {"images", "i-good", GOOD, "", "images", S P ":0\t0\ttest\n" P ":1\t1\ttest\n"},
    {"images", "i-no-row", BAD, ":3: ", "a row that does not exist",
     S P ":0\t0\ttest\n" P ":2\t1\ttest\n"},
    {"images", "i-label", BAD, ":2: ", "an invalid label", S P ":0\tx\ttest\n"},
    {"images", "i-png", BAD, ":2: png/filter-5.png: ", "a bad image",
     S "png/filter-5.png\t0\ttest\n"},
};

static void finish(const char *kind, const char *name, const char *verdict, const char *message,
                   const char *what, const struct buffer *file)
{
    char *path = text("tables/%s", name);
    save(path, file);
    list(kind, path, verdict, message, what);
    free(path);
}

void make_tables(void)
{
    make_directory("tables");
    struct buffer file = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        file.used = 0;
        put_text(&file, rows[i].text);
        finish(rows[i].kind, rows[i].name, rows[i].verdict, rows[i].message, rows[i].what, &file);
    }
    file.used = 0;
    put(&file, S P ":0\t0\0\ttest\n", sizeof(S P ":0\t0\0\ttest\n") - 1);
    finish("predict", "p-nul", BAD, ":2: the line contains a NUL byte", "a NUL byte", &file);

    file.used = 0;
    put_text(&file, S);
    for (unsigned i = 0; i < 1u << 17; i++)
        put_text(&file, "xxxxxxxxxxxxxxxx");
    put_text(&file, "\n");
    finish("predict", "p-endless", BAD, ":2: the line is longer than 1 MiB", "a line of 2 MiB",
           &file);

    file.used = 0;
    put_text(&file, "image");
    for (unsigned i = 0; i < 300000; i++)
        put_text(&file, "\tx");
    put_text(&file, "\n");
    finish("predict", "p-columns", BAD, ":1: two columns are named 'x'", "300,000 columns", &file);
    free(file.bytes);
}
