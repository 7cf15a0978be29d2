/* check_table.c -- tables: headers found, lost and repeated; hostile lines; pausing pipes;
   numbers. */
#include "base/internal.h"

#include <check.h>
#include <fcntl.h>
#include <fenv.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "data/table-names.h"
#include "runner.h"
#include "scratch.h"

static struct fmnn_error error;

static void put_text(const char *name, const char *text)
{
    put_file(name, text, strlen(text));
}

static struct fmnn_table *opened(const char *text, enum fmnn_table_kind kind)
{
    put_text("t.tsv", text);
    struct fmnn_table *table = fmnn_table_open("t.tsv", kind, &error);
    ck_assert_msg(table != NULL, "%s", error.message);
    return table;
}

static struct fmnn_table *rows(const char *text)
{
    return opened(text, FMNN_TABLE_ROWS);
}

/* Writes all rows of a table as "LINE:field|field;", and the error, if any. */
static void digest(struct fmnn_table *table, char *text, size_t size)
{
    size_t used = 0;
    int status;
    text[0] = 0;
    while ((status = fmnn_table_next(table, &error)) == 1) {
        used += (size_t)snprintf(text + used, size - used, "%zu:", fmnn_table_line(table));
        for (size_t i = 0; i < fmnn_table_columns(table); i++)
            used += (size_t)snprintf(text + used, size - used, "%s%s", i ? "|" : "",
                                     fmnn_table_field(table, i));
        used += (size_t)snprintf(text + used, size - used, ";");
        ck_assert_uint_lt(used, size);
    }
    if (status < 0)
        snprintf(text + used, size - used, "%s", error.message);
}

static void check_rows(enum fmnn_table_kind kind, const char *text, const char *only,
                       const char *wanted)
{
    char got[4096];
    struct fmnn_table *table = opened(text, kind);
    if (only)
        ck_assert_int_eq(fmnn_table_only(table, only, &error), 0);
    digest(table, got, sizeof got);
    ck_assert_str_eq(got, wanted);
    int last = fmnn_table_next(table, &error);
    ck_assert_int_le(last, 0); /* the end stays the end, and an error an error */
    fmnn_table_close(table);
}

static void refused(const void *bytes, size_t size, enum fmnn_table_kind kind, const char *wanted)
{
    put_file("t.tsv", bytes, size);
    struct fmnn_table *table = fmnn_table_open("t.tsv", kind, &error);
    ck_assert_ptr_null(table);
    ck_assert_int_eq(error.status, FMNN_DATA);
    ck_assert_str_eq(error.message, wanted);
}

START_TEST(columns_are_found_by_name)
{
    struct fmnn_table *table = rows("split\tweight\timage\tlabel\ntrain\t3\ta.png\t7\n");
    ck_assert_uint_eq(fmnn_table_columns(table), 4);
    ck_assert_str_eq(fmnn_table_column(table, 1), "weight");
    ck_assert_int_eq(fmnn_table_find(table, "image"), 2);
    ck_assert_int_eq(fmnn_table_need(table, "label", &error), 3);
    ck_assert_int_eq(fmnn_table_find(table, "predicted"), -1);
    ck_assert_int_eq(fmnn_table_next(table, &error), 1);
    ck_assert_str_eq(fmnn_table_field(table, 2), "a.png");
    ck_assert_uint_eq(fmnn_table_line(table), 2);
    ck_assert_int_eq(fmnn_table_next(table, &error), 0);
    ck_assert_str_eq(fmnn_table_name(table), "t.tsv");
    fmnn_table_close(table);
    fmnn_table_close(NULL);
}
END_TEST

START_TEST(missing_column)
{
    struct fmnn_table *table = rows("image\tlabels\n");
    ck_assert_int_eq(fmnn_table_need(table, "label", &error), -1);
    ck_assert_str_eq(error.message, "t.tsv:1: no column 'label'; did you mean 'labels'?");
    ck_assert_int_eq(fmnn_table_need(table, "predicted", &error), -1);
    ck_assert_str_eq(error.message, "t.tsv:1: no column 'predicted'; the first is 'image'");
    ck_assert_int_eq(error.status, FMNN_DATA);
    fmnn_table_close(table);
    table = rows("train:0,9,train\n");
    ck_assert_int_eq(fmnn_table_need(table, "label", &error), -1);
    ck_assert_str_eq(error.message, "t.tsv:1: no column 'label': the first line names no columns "
                                    "and has 1 field (fields are separated by tabs)");
    fmnn_table_close(table);
}
END_TEST

/* Where p0 is found; 0: nowhere. */
static int first_probability(const char *line)
{
    struct fmnn_table *table = rows(line);
    int name = fmnn_table_find(table, "predicted_class"), p0 = fmnn_table_find(table, "p0");
    ck_assert_int_eq(name, p0 == 5 ? -1 : 5);
    fmnn_table_close(table);
    return p0 < 0 ? 0 : p0;
}

/* What fm-predict --names writes, with and without -p; names can be numbers. */
static void lost_class_name(void)
{
    ck_assert_int_eq(first_probability("a\t1\ttest\t2\t0.5\tcoat\t0.25\t0.5\t0.25\n"), 6);
    ck_assert_int_eq(first_probability("a\t1\ttest\t0\t0.5\t\t0.5\t0.5\n"), 6);
    ck_assert_int_eq(first_probability("a\t1\ttest\t0\t0.5\tcoat\n"), 0);
    ck_assert_int_eq(first_probability("a\t1\ttest\t7\t0.5\t7\n"), 0);
    ck_assert_int_eq(first_probability("a\t1\ttest\t0\t0.75\t1\t0.75\t0.25\n"), 6);
    ck_assert_int_eq(first_probability("a\t1\ttest\t1\t0.75\t0\t0.25\t0.75\n"), 6);
    ck_assert_int_eq(first_probability("a\t1\ttest\t0\t1\t1\n"), 5);
    ck_assert_int_eq(first_probability("a\t1\ttest\t0\t0.5\t0.5\t0.5\n"), 5);
    ck_assert_int_eq(first_probability("a\t1\ttest\t65535\t0.5\t0.5\t0.5\n"), 5);
}

/* The columns of a table without a header, from the fourth on. */
static void columns_from_fourth(const char *line, const char *wanted)
{
    char got[200] = "";
    struct fmnn_table *table = rows(line);
    for (size_t i = 3; i < fmnn_table_columns(table); i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s ", fmnn_table_column(table, i));
    ck_assert_str_eq(got, wanted);
    fmnn_table_close(table);
}

/* What fm-split writes for folders, and what fm-predict adds to it; names can be numbers. */
static void lost_class(void)
{
    columns_from_fourth("a\t1\ttest\tcoat\n", "class ");
    columns_from_fourth("a\t1\ttest\t7\n", "class ");
    columns_from_fourth("a\t1\ttest\tclass\n", "class ");
    columns_from_fourth("a\t1\ttest\tcoat\t2\t0.5\n", "class predicted confidence ");
    columns_from_fourth("a\t1\ttest\tlabel\t2\t0.5\n", "class predicted confidence ");
    columns_from_fourth("a\t1\ttest\tp10\t2\t0.5\timage\t0.5\t0\t0.5\n",
                        "class predicted confidence predicted_class p0 p1 p2 ");
    columns_from_fourth("a\t1\ttest\t2\t0.5\tp3\n", "predicted confidence predicted_class ");
    columns_from_fourth("a\t1\ttest\t7\t2\t0.5\n", "class predicted confidence ");
    columns_from_fourth("a\t1\ttest\t7\t1\t0.5\n", "class predicted confidence ");
    columns_from_fourth("a\t1\ttest\t7\t1\t0.5\tshirt\t0.5\t0.5\n",
                        "class predicted confidence predicted_class p0 p1 ");
    columns_from_fourth("a\t1\ttest\t0\t0.5\n", "predicted confidence ");
    columns_from_fourth("a\t1\ttest\t0\t1\t1\t0\n", "predicted confidence p0 p1 ");
}

START_TEST(lost_header)
{
    check_rows(FMNN_TABLE_ROWS, "train:0\t9\ttrain\ntrain:1\t\tvalid\n", NULL,
               "1:train:0|9|train;2:train:1||valid;");
    struct fmnn_table *table = rows("a\t1\ttest\t2\t0.5\t0.25\t0.5\t0.25\n");
    ck_assert_uint_eq(fmnn_table_columns(table), 8);
    ck_assert_str_eq(fmnn_table_column(table, 0), "image");
    ck_assert_str_eq(fmnn_table_column(table, 4), "confidence");
    ck_assert_int_eq(fmnn_table_find(table, "p0"), 5);
    ck_assert_int_eq(fmnn_table_find(table, "p2"), 7);
    fmnn_table_close(table);
    lost_class_name();
    lost_class();
    table = rows("a.png\n");
    ck_assert_uint_eq(fmnn_table_columns(table), 1);
    ck_assert_str_eq(fmnn_table_column(table, 0), "image");
    fmnn_table_close(table);
    table = opened("1\t0.5\t0.8\t\t\t0.001\t2.5\n", FMNN_TABLE_HISTORY);
    ck_assert_int_eq(fmnn_table_find(table, "seconds"), 6);
    fmnn_table_close(table);
    check_rows(FMNN_TABLE_COUNTS, "0\t1\t5\n1\t1\t6\n", NULL, "1:0|1|5;2:1|1|6;");
    refused("0\t1\t5\t6\n", 8, FMNN_TABLE_COUNTS,
            "t.tsv:1: no column names, and 4 fields instead of 3");
}
END_TEST

/* As cat, sort and shuf leave it. */
START_TEST(moved_and_repeated_headers)
{
    check_rows(FMNN_TABLE_ROWS, "image\tlabel\na\t1\nimage\tlabel\nb\t2\nimage\tlabel\n", NULL,
               "2:a|1;4:b|2;");
    check_rows(FMNN_TABLE_ROWS, "a\t1\ttrain\nimage\tlabel\tsplit\nb\t2\ttest\n", NULL,
               "1:a|1|train;3:b|2|test;");
    check_rows(FMNN_TABLE_ROWS,
               "a\t1\tx\t2\t1\t0\t1\nimage\tlabel\tsplit\tpredicted\tconfidence\tp0\tp1\n", NULL,
               "1:a|1|x|2|1|0|1;");
    /* The names in another order are not the header, nor is a line that only begins like it. */
    check_rows(FMNN_TABLE_ROWS, "image\tlabel\nlabel\timage\nimage\tlabel2\n", NULL,
               "2:label|image;3:image|label2;");
}
END_TEST

START_TEST(header_is_recognised_by_one_known_name)
{
    check_rows(FMNN_TABLE_ROWS, "weight\tp3\n1\t2\n", NULL, "2:1|2;"); /* one known name suffices */
    check_rows(FMNN_TABLE_ROWS, "predicted_class\tx\n1\t2\n", NULL, "2:1|2;");
    check_rows(FMNN_TABLE_ROWS, "weight\tpx\n1\t2\n", NULL, "1:weight|px;2:1|2;");
    check_rows(FMNN_TABLE_ROWS, "epoch\tlosses\n1\t2\n", NULL, "1:epoch|losses;2:1|2;");
    check_rows(FMNN_TABLE_HISTORY, "epoch\tloss\n1\t2\n", NULL, "2:1|2;");
    check_rows(FMNN_TABLE_COUNTS, "count\tpredicted\tlabel\n1\t2\t3\n", NULL, "2:1|2|3;");
    check_rows(FMNN_TABLE_ROWS, "\timage\n0\ta\n", NULL,
               "2:0|a;"); /* pandas leaves the name of its index empty */
    refused("image\tlabel\timage\n", 18, FMNN_TABLE_ROWS, "t.tsv:1: two columns are named 'image'");
}
END_TEST

/* Headers that have no known name of the kind that is expected, but are those of another one. */
START_TEST(headers_of_other_kinds)
{
    refused("epoch\tloss\n1\t2\n", 15, FMNN_TABLE_ROWS,
            "t.tsv: a history, not a table of images or predictions");
    refused("Epoch\tacc\n1\t2\n", 14, FMNN_TABLE_COUNTS,
            "t.tsv: a history, not a table of images or predictions");
    refused("image\tx\n1\t2\n", 12, FMNN_TABLE_HISTORY, "t.tsv: a table of images, not a history");
    refused("image\tpredicted\n1\t2\n", 20, FMNN_TABLE_HISTORY,
            "t.tsv: a table of predictions, not a history");
    refused("label\tpredicted\n1\t2\n", 20, FMNN_TABLE_HISTORY,
            "t.tsv: a table of predictions, not a history");
    refused("label\tpredicted\tcount\n", 22, FMNN_TABLE_HISTORY,
            "t.tsv: a table of counts, not a history");
    check_rows(FMNN_TABLE_ROWS, "image\tepoch\tloss\na\t1\t2\n", NULL, "2:a|1|2;");
}
END_TEST

/* Headers between other separators than tabs. */
START_TEST(headers_between_other_separators)
{
    refused("image,label\na,1\n", 16, FMNN_TABLE_ROWS,
            "t.tsv:1: the columns are separated by commas, not by tabs; tr ',' '\\t' converts a "
            "plain table");
    refused(
        "\"x\";\"Label\"; split \n", 21, FMNN_TABLE_ROWS,
        "t.tsv:1: the columns are separated by semicolons, not by tabs; tr ';' '\\t' converts a "
        "plain table");
    refused("epoch  loss\n", 12, FMNN_TABLE_HISTORY,
            "t.tsv:1: the columns are separated by blanks, not by tabs; tr -s ' ' '\\t' converts a "
            "plain table");
    refused(
        "label|predicted|count\n", 22, FMNN_TABLE_COUNTS,
        "t.tsv:1: the columns are separated by bars, not by tabs; tr '|' '\\t' converts a plain "
        "table");
    check_rows(FMNN_TABLE_ROWS, "label,x.png\n", NULL, "1:label,x.png;");
    check_rows(FMNN_TABLE_ROWS, "image\tlabel,split\na\t1\n", NULL, "2:a|1;");
    check_rows(FMNN_TABLE_ROWS, ",;| \n", NULL, "1:,;| ;");
}
END_TEST

START_TEST(empty_tables)
{
    check_rows(FMNN_TABLE_ROWS, "image\tlabel\tsplit\n", NULL, "");
    check_rows(FMNN_TABLE_ROWS, "image\tlabel\tsplit", NULL, "");
    refused("", 0, FMNN_TABLE_ROWS,
            "t.tsv: no input, not even a header line: did the command that writes it fail?");
}
END_TEST

START_TEST(last_line_without_feed)
{
    check_rows(FMNN_TABLE_ROWS, "image\tlabel\na\t1\nb\t2", NULL, "2:a|1;3:b|2;");
    check_rows(FMNN_TABLE_ROWS, "a\t1", NULL, "1:a|1;");
}
END_TEST

START_TEST(only_rows_of_given_splits)
{
    const char *text = "image\tsplit\na\ttrain\nb\tvalid\nc\ttest\nd\t\ne\ttra\nimage\tsplit\n";
    check_rows(FMNN_TABLE_ROWS, text, "valid", "3:b|valid;");
    check_rows(FMNN_TABLE_ROWS, text, "test,train", "2:a|train;4:c|test;");
    check_rows(FMNN_TABLE_ROWS, text, "none", "");
    check_rows(FMNN_TABLE_ROWS, "a\t1\ttrain\nb\t1\ttest\n", "test", "2:b|1|test;"); /* no header */
    check_rows(FMNN_TABLE_ROWS, "a\t1\ttrain\nb\t1\ttest\n", "train", "1:a|1|train;");
    struct fmnn_table *table = rows(text);
    static const char *const bad[] = {"", ",", "train,", ",train", "train,,test"};
    for (size_t i = 0; i < FM_COUNT(bad); i++) {
        ck_assert_int_eq(fmnn_table_only(table, bad[i], &error), -1);
        ck_assert_int_eq(error.status, FMNN_USAGE);
    }
    ck_assert_str_eq(error.message, "'train,,test' is not a comma-separated list of splits");
    fmnn_table_close(table);
    table = rows("image\tlabel\n");
    ck_assert_int_eq(fmnn_table_only(table, "train", &error), -1);
    ck_assert_str_eq(error.message, "t.tsv:1: no column 'split'; the first is 'image'");
    fmnn_table_close(table);
}
END_TEST

START_TEST(lines_with_wrong_number_of_fields)
{
    check_rows(FMNN_TABLE_ROWS, "image\tlabel\na\t1\nb\n", NULL,
               "2:a|1;t.tsv:3: 1 field, but the header names 2");
    check_rows(FMNN_TABLE_ROWS, "image\tlabel\na\t1\t2\n", NULL,
               "t.tsv:2: 3 fields, but the header names 2");
    check_rows(FMNN_TABLE_ROWS, "a\t1\ttrain\nb\t1\n", NULL,
               "1:a|1|train;t.tsv:2: 2 fields, but the first line has 3");
    check_rows(FMNN_TABLE_ROWS, "image\na\n\nb\n", NULL, "2:a;t.tsv:3: the line is empty");
    check_rows(FMNN_TABLE_ROWS, "image\tlabel\na\t1\n\t\n\nb\t1\n", NULL,
               "2:a|1;t.tsv:3: the line is empty");
    check_rows(FMNN_TABLE_ROWS, "image\tlabel\na\t1\nb\t\"2\t3\"\n", NULL,
               "2:a|1;t.tsv:3: a quoted field contains a tab or a line end");
    check_rows(FMNN_TABLE_ROWS, "\"image\"\t\"label\"\na\t\"2\t3\"\n", NULL,
               "t.tsv:2: a quoted field contains a tab or a line end");
    /* Rows of other splits are checked, too. */
    check_rows(FMNN_TABLE_ROWS, "image\tsplit\na\tx\tb\n", "y",
               "t.tsv:2: 3 fields, but the header names 2");
    refused("\n", 1, FMNN_TABLE_ROWS, "t.tsv:1: the line is empty");
    refused(" \t\r\nimage\na\n", 11, FMNN_TABLE_ROWS, "t.tsv:1: the line is empty");
}
END_TEST

START_TEST(blank_lines_at_the_end)
{
    check_rows(FMNN_TABLE_ROWS, "image\tlabel\na\t1\n\n", NULL, "2:a|1;");
    check_rows(FMNN_TABLE_ROWS, "image\tlabel\r\na\t1\r\n\t\r\n \t \r\n\r\n", NULL, "2:a|1;");
    check_rows(FMNN_TABLE_ROWS, "image\n\n", NULL, "");
    check_rows(FMNN_TABLE_ROWS, "image\n\xc2\xa0 \n", NULL, "");
    check_rows(FMNN_TABLE_ROWS, "a\t1\ttrain\n\t\t", NULL, "1:a|1|train;");
}
END_TEST

/* As spreadsheets and CSV with blanks behind the commas have them. Files may be named so. */
START_TEST(blanks_around_fields)
{
    check_rows(FMNN_TABLE_ROWS,
               " image \tlabel\tClass\tother\tpredicted_x\n a.png \t 1 \t big cat \t y \t 2\n"
               "b\t \" 1\"\t\xc2\xa0"
               "cat\xc2\xa0 \t\t\n",
               NULL, "2: a.png |1|big cat| y |2;3:b|1|cat||;");
    check_rows(FMNN_TABLE_ROWS, " a.png\t1 \t train\n", "train", "1: a.png|1|train;");
    check_rows(FMNN_TABLE_ROWS, "image\tsplit\na\ttrain \nb\ttest\n", "train", "2:a|train;");
    check_rows(FMNN_TABLE_ROWS, "\"image\"\t\"label\"\n\"1\"\t\"a\"\t\" 2\"\n", NULL, "2:1|a|2;");
    const char *const columns[] = {"y_true", NULL};
    put_text("t.tsv", "id\t Y_true \n x \t cat \n");
    struct fmnn_table *table = fmnn_table_open_columns("t.tsv", FMNN_TABLE_ROWS, columns, &error);
    ck_assert_int_eq(fmnn_table_find(table, "y_true"), 1);
    ck_assert_int_eq(fmnn_table_next(table, &error), 1);
    ck_assert_str_eq(fmnn_table_field(table, 0), " x ");
    ck_assert_str_eq(fmnn_table_field(table, 1), "cat");
    fmnn_table_close(table);
}
END_TEST

START_TEST(lines_with_forbidden_bytes)
{
    refused("image\0label\n", 12, FMNN_TABLE_ROWS,
            "t.tsv:1: the line contains a NUL byte; a table is text");
    check_rows(FMNN_TABLE_ROWS, "image\na\rb\n", NULL,
               "t.tsv:2: a carriage return within the line; if the lines end in carriage returns "
               "alone, as on old Macs, tr '\\r' '\\n' converts the table");
    refused("image\tlabel\ra\t1\r", 16, FMNN_TABLE_ROWS,
            "t.tsv:1: a carriage return within the line; if the lines end in carriage returns "
            "alone, as on old Macs, tr '\\r' '\\n' converts the table");
    char got[256];
    put_file("t.tsv", "image\na\nb\0c\n", 12);
    struct fmnn_table *table = fmnn_table_open("t.tsv", FMNN_TABLE_ROWS, &error);
    digest(table, got, sizeof got);
    ck_assert_str_eq(got, "2:a;t.tsv:3: the line contains a NUL byte; a table is text");
    fmnn_table_close(table);
}
END_TEST

START_TEST(files_that_are_no_tables)
{
    refused("\x89PNG\r\n\x1a\n", 8, FMNN_TABLE_ROWS, "t.tsv: a PNG image, not a table");
    refused("\xff\xd8\xff\xe0\0JFIF", 9, FMNN_TABLE_ROWS, "t.tsv: a JPEG image, not a table");
    refused("RIFF\1\2\3\4WEBP", 12, FMNN_TABLE_ROWS, "t.tsv: a WebP image, not a table");
    refused("<!doctype html>\n", 16, FMNN_TABLE_ROWS, "t.tsv: an HTML or XML page, not a table");
    refused("\n\n<!DOCTYPE html>\n", 18, FMNN_TABLE_ROWS,
            "t.tsv: an HTML or XML page, not a table");
    refused("\x38\2\0\0\0\0\0\0{\"__metadata__\"", 23, FMNN_TABLE_ROWS,
            "t.tsv: a safetensors file, as weights are, not a table");
    refused("\0\0\x08\3\0\0\1\0", 8, FMNN_TABLE_HISTORY,
            "t.tsv: an IDX file, not a table; fm-split makes tables of data sets");
    static const char wide[] = "t.tsv: UTF-16 text, not a table in UTF-8; iconv -f UTF-16 -t UTF-8 "
                               "converts it";
    refused("\xff\xfei\0m\0\n\0", 8, FMNN_TABLE_ROWS, wide);
    refused("\xfe\xff\0i\0m\0\n", 8, FMNN_TABLE_ROWS, wide);
    refused("i\0m\0a\0\n\0", 8, FMNN_TABLE_ROWS, wide);
}
END_TEST

/* As Windows, R, pandas and spreadsheets write them. */
START_TEST(tables_of_other_programs)
{
    check_rows(FMNN_TABLE_ROWS, "image\tlabel\r\na\t1\r\nb\t2\r\n", NULL, "2:a|1;3:b|2;");
    check_rows(FMNN_TABLE_ROWS, "image\tlabel\r\na\t1\nimage\tlabel\nb\t2", NULL, "2:a|1;4:b|2;");
    check_rows(FMNN_TABLE_ROWS,
               "\xef\xbb\xbf\xef\xbb\xbfimage\tlabel\na\t1\n\xef\xbb\xbfimage\tlabel\nb\t2\n", NULL,
               "2:a|1;4:b|2;");
    check_rows(FMNN_TABLE_ROWS,
               "\xef\xbb\xbf"
               "a\t1\ttrain\r\n",
               NULL, "1:a|1|train;");
    check_rows(FMNN_TABLE_ROWS, "\"image\"\t\"label\"\n\"a\"\t1\n\"b \"\"x\"\"\"\t\"2\"\n", NULL,
               "2:a|1;3:b \"x\"|2;");
    check_rows(FMNN_TABLE_ROWS, "image\tx\n\"a\\\"b\"\t\"c\\\"\n\"a\"b\"\t\"\nc\"\t\"\"\n", NULL,
               "2:a\"b|c\\;3:\"a\"b\"|\";4:c\"|;");
    check_rows(FMNN_TABLE_ROWS, "\"image\"\t\"label\"\n\"1\"\t\"a\"\t3\n\"2\"\t\"b\"\t4\n", NULL,
               "2:1|a|3;3:2|b|4;");
    check_rows(FMNN_TABLE_ROWS, "image\tlabel\n1\ta\t3\n", NULL,
               "t.tsv:2: 3 fields, but the header names 2 (R writes row names unless row.names = "
               "FALSE)");
    struct fmnn_table *table = rows("\"Image\"\t LABEL \tMine \tP0\r\n\"9\"\ta\t3\tx\t0.5\n");
    static const char *const names[] = {"", "image", "label", "Mine ", "p0"};
    ck_assert_uint_eq(fmnn_table_columns(table), 5);
    for (size_t i = 0; i < 5; i++)
        ck_assert_str_eq(fmnn_table_column(table, i), names[i]);
    ck_assert_int_eq(fmnn_table_find(table, "mine"), 3);
    fmnn_table_close(table);
    table = rows("image\tImage\tP0\tp1\n");
    ck_assert_str_eq(fmnn_table_column(table, 1), "Image"); /* another column */
    ck_assert_str_eq(fmnn_table_column(table, 2), "P0");
    fmnn_table_close(table);
    table = opened("epoch\tacc\tval_acc\tlearning_rate\n", FMNN_TABLE_HISTORY); /* Keras' */
    ck_assert_int_eq(fmnn_table_find(table, "accuracy"), 1);
    ck_assert_int_eq(fmnn_table_find(table, "val_accuracy"), 2);
    ck_assert_int_eq(fmnn_table_find(table, "lr"), 3);
    fmnn_table_close(table);
}
END_TEST

/* A first line that is neither known names nor data. */
START_TEST(unknown_column_names)
{
    struct fmnn_table *table = rows("filename\tkind\tset\na.png\t1\ttrain\n");
    int label;
    ck_assert_int_eq(fmnn_table_next(table, &error), 1);
    ck_assert_int_eq(fmnn_table_label(table, 1, 0, &label, &error), -1);
    ck_assert_str_eq(error.message,
                     "t.tsv:1: label 'kind' is not a number from 0 to 65535; the line was not "
                     "recognized as column names, because 'filename', 'kind', 'set' are not among "
                     "those that are known: image, label, split, predicted, confidence; rename the "
                     "columns");
    fmnn_table_close(table);
    table = rows("y_true\ty_pred\n");
    ck_assert_int_eq(fmnn_table_need(table, "predicted", &error), -1);
    ck_assert_ptr_nonnull(strstr(error.message, "because 'y_true', 'y_pred' are not among"));
    fmnn_table_close(table);
    table = rows("a.png\tcat\ttrain\n"); /* data */
    ck_assert_int_eq(fmnn_table_next(table, &error), 1);
    ck_assert_int_eq(fmnn_table_label(table, 1, 0, &label, &error), -1);
    ck_assert_str_eq(error.message, "t.tsv:1: label 'cat' is not a number from 0 to 65535");
    fmnn_table_close(table);
}
END_TEST

/* Reads a table with a line of 1 MiB + extra bytes: the first line or the second. */
static int long_line(long extra, bool first)
{
    size_t length = (size_t)((1 << 20) + extra);
    FILE *stream = fopen("long.tsv", "w");
    if (!first)
        fputs("image\n", stream);
    for (size_t i = 0; i < length; i++)
        putc('x', stream);
    fputs("\nlast\n", stream);
    fclose(stream);
    struct fmnn_table *table = fmnn_table_open("long.tsv", FMNN_TABLE_ROWS, &error);
    if (!table)
        return -1;
    int status = fmnn_table_next(table, &error);
    if (status == 1) {
        ck_assert_uint_eq(strlen(fmnn_table_field(table, 0)), length);
        ck_assert_int_eq(fmnn_table_next(table, &error), 1);
        ck_assert_str_eq(fmnn_table_field(table, 0), "last");
    }
    fmnn_table_close(table);
    return status;
}

START_TEST(long_lines)
{
    ck_assert_int_eq(long_line(0, false), 1);
    ck_assert_int_eq(long_line(0, true), 1);
    ck_assert_int_eq(long_line(1, false), -1);
    ck_assert_str_eq(error.message, "long.tsv:2: the line is longer than 1 MiB");
    ck_assert_int_eq(long_line(200000, false), -1);
    ck_assert_int_eq(long_line(5000000, true), -1);
    ck_assert_str_eq(error.message, "long.tsv:1: the line is longer than 1 MiB");
}
END_TEST

/* Half a million columns: refused at once if all names are empty, read at once if it is a row. */
START_TEST(many_columns)
{
    size_t size = 1 << 20;
    char *line = malloc(size);
    memset(line, '\t', size);
    memcpy(line, "image", 5);
    line[size - 1] = '\n';
    refused(line, size, FMNN_TABLE_ROWS, "t.tsv:1: two columns are named ''");
    line[0] = 'x';
    put_file("t.tsv", line, size);
    struct fmnn_table *table = fmnn_table_open("t.tsv", FMNN_TABLE_ROWS, &error);
    ck_assert_ptr_nonnull(table);
    ck_assert_uint_eq(fmnn_table_columns(table), size - 5);
    ck_assert_int_eq(fmnn_table_next(table, &error), 1);
    fmnn_table_close(table);
    free(line);
}
END_TEST

START_TEST(unreadable_files)
{
    ck_assert_ptr_null(fmnn_table_open("none.tsv", FMNN_TABLE_ROWS, &error));
    ck_assert_int_eq(error.status, FMNN_SYSTEM);
    ck_assert_str_eq(error.message, "none.tsv: No such file or directory");
    ck_assert_ptr_null(fmnn_table_open(".", FMNN_TABLE_ROWS, &error));
    ck_assert_str_eq(error.message, ".: Is a directory");
    ck_assert_ptr_null(fmnn_table_open("none.tsv", FMNN_TABLE_ROWS, NULL));
}
END_TEST

/* ---- pipes */

static int pipe_to_stdin(void)
{
    int end[2];
    ck_assert_int_eq(pipe(end), 0);
    ck_assert_int_ge(dup2(end[0], STDIN_FILENO), 0);
    close(end[0]);
    return end[1];
}

static void put(int fd, const char *text)
{
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void check_next(struct fmnn_table *table, const char *field)
{
    ck_assert_msg(fmnn_table_next(table, &error) == 1, "%s", error.message);
    ck_assert_str_eq(fmnn_table_field(table, 0), field);
}

START_TEST(pausing_pipe)
{
    int fd = pipe_to_stdin();
    put(fd, "image\tsplit\na\tx\nb\tx\nc");
    struct fmnn_table *table = fmnn_table_open("-", FMNN_TABLE_ROWS, &error);
    ck_assert_str_eq(fmnn_table_name(table), "standard input");
    ck_assert_int_eq(fmnn_table_only(table, "x", &error), 0);
    ck_assert(!fmnn_table_paused(table));
    check_next(table, "a");
    ck_assert(!fmnn_table_paused(table));
    check_next(table, "b");
    ck_assert(fmnn_table_paused(table)); /* half a line is not a row */
    put(fd, "\tx");
    ck_assert(fmnn_table_paused(table));
    put(fd, "\nd\ty\nimage\tsplit\n");
    ck_assert_str_eq(fmnn_table_field(table, 0),
                     "b"); /* looking ahead leaves the current row alone */
    ck_assert(!fmnn_table_paused(table));
    ck_assert_str_eq(fmnn_table_field(table, 0), "b");
    ck_assert_uint_eq(fmnn_table_line(table), 3);
    check_next(table, "c");
    ck_assert_uint_eq(fmnn_table_line(table), 4);
    ck_assert(fmnn_table_paused(table)); /* only rows of another split have come */
    put(fd, "e\tx");
    close(fd);
    ck_assert(!fmnn_table_paused(table));
    check_next(table, "e");
    ck_assert_uint_eq(fmnn_table_line(table), 7);
    ck_assert(!fmnn_table_paused(table)); /* the end is there, nothing to wait for */
    ck_assert_int_eq(fmnn_table_next(table, &error), 0);
    fmnn_table_close(table);
}
END_TEST

START_TEST(error_ahead_is_reported_in_turn)
{
    int fd = pipe_to_stdin();
    put(fd, "image\na\nb\tc\n");
    struct fmnn_table *table = fmnn_table_open("-", FMNN_TABLE_ROWS, &error);
    check_next(table, "a");
    ck_assert(!fmnn_table_paused(table));
    ck_assert_str_eq(fmnn_table_field(table, 0), "a");
    ck_assert_int_eq(fmnn_table_next(table, &error), -1);
    ck_assert_str_eq(error.message, "standard input:3: 2 fields, but the header names 1");
    ck_assert_int_eq(fmnn_table_next(table, NULL), -1);
    fmnn_table_close(table);
    close(fd);
}
END_TEST

static void ignore(int signal)
{
    (void)signal;
}

/* Many small writes, also to a non-blocking reader, with signals all the time. */
START_TEST(slow_bytes_and_signals)
{
    int fd = pipe_to_stdin();
    pid_t child = fork();
    if (child == 0) {
        struct timespec pause = {0, 2000000};
        for (const char *c = "image\tlabel\na\t1\nb\t2\n"; *c; c++) {
            if (write(fd, c, 1) != 1)
                _exit(1);
            nanosleep(&pause, NULL);
        }
        _exit(0);
    }
    close(fd);
    struct sigaction action = {.sa_handler = ignore}; /* no SA_RESTART: reads fail with EINTR */
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &often, NULL);
    if (_i)
        fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    struct fmnn_table *table = fmnn_table_open("-", FMNN_TABLE_ROWS, &error);
    ck_assert_msg(table != NULL, "%s", error.message);
    char got[256];
    digest(table, got, sizeof got);
    setitimer(ITIMER_REAL, &never, NULL);
    ck_assert_str_eq(got, "2:a|1;3:b|2;");
    fmnn_table_close(table);
    waitpid(child, NULL, 0);
}
END_TEST

/* More rows than the buffer holds: each arrives with its own line number. */
START_TEST(many_rows)
{
    enum { N = 50000 };
    FILE *stream = fopen("t.tsv", "w");
    fputs("image\tlabel\n", stream);
    for (int i = 0; i < N; i++)
        fprintf(stream, "train:%d\t%d\n", i, i % 10);
    fclose(stream);
    struct fmnn_table *table = fmnn_table_open("t.tsv", FMNN_TABLE_ROWS, &error);
    char wanted[32];
    for (int i = 0; i < N; i++) {
        snprintf(wanted, sizeof wanted, "train:%d", i);
        if (i % 3 == 0)
            ck_assert(!fmnn_table_paused(table));
        check_next(table, wanted);
        ck_assert_uint_eq(fmnn_table_line(table), (size_t)i + 2);
        int label;
        ck_assert_int_eq(fmnn_table_label(table, 1, 10, &label, &error), 0);
        ck_assert_int_eq(label, i % 10);
    }
    ck_assert_int_eq(fmnn_table_next(table, &error), 0);
    fmnn_table_close(table);
}
END_TEST

/* ---- fields */

static void check_label(const char *text, size_t classes, int wanted, const char *message)
{
    char line[256];
    int label = -7;
    snprintf(line, sizeof line, "image\tlabel\na\t%s\n", text);
    struct fmnn_table *table = rows(line);
    ck_assert_int_eq(fmnn_table_next(table, &error), 1);
    int status = fmnn_table_label(table, 1, classes, &label, &error);
    ck_assert_int_eq(status, message ? -1 : 0);
    if (message)
        ck_assert_str_eq(error.message, message);
    else
        ck_assert_int_eq(label, wanted);
    fmnn_table_close(table);
}

START_TEST(labels)
{
    check_label("0", 10, 0, NULL);
    check_label("9", 10, 9, NULL);
    check_label("007", 10, 7, NULL);
    check_label("", 10, -1, NULL);
    check_label("65535", 0, 65535, NULL);
    check_label("12", 10, 0, "t.tsv:2: label '12' is not a number from 0 to 9");
    check_label("10", 10, 0, "t.tsv:2: label '10' is not a number from 0 to 9");
    check_label("65536", 0, 0, "t.tsv:2: label '65536' is not a number from 0 to 65535");
    check_label("99999999999999999999999", 10, 0,
                "t.tsv:2: label '99999999999999999999999' is not a number from 0 to 9");
    check_label("1.0", 10, 1, NULL);
    check_label("7.000", 10, 7, NULL);
    check_label(" 1 ", 10, 1, NULL);
    check_label("NA", 10, -1, NULL);
    check_label("NaN", 10, -1, NULL);
    check_label("True", 2, 1, NULL);
    check_label("False", 1, 0, NULL);
    check_label("True", 1, 0, "t.tsv:2: label 'True' is not a number from 0 to 0");
    static const char *const bad[] = {"-1", "+1", "1.5", "1.", ".0", "1 1", "1e0", "Shirt", "0x1"};
    char message[128];
    for (size_t i = 0; i < FM_COUNT(bad); i++) {
        snprintf(message, sizeof message, "t.tsv:2: label '%s' is not a number from 0 to 9",
                 bad[i]);
        check_label(bad[i], 10, 0, message);
    }
}
END_TEST

/* The class of a field, or the message in *error. */
static int class_of(const char *field, const struct fmnn_names *names)
{
    char text[128];
    int label = -2;
    snprintf(text, sizeof text, "image\tlabel\na\t%s\n", field);
    struct fmnn_table *table = rows(text);
    ck_assert_int_eq(fmnn_table_next(table, &error), 1);
    int status = fmnn_table_class(table, 1, names, &label, &error);
    fmnn_table_close(table);
    return status ? -2 : label;
}

START_TEST(labels_that_are_names)
{
    char cat[] = "cat", one[] = "1", na[] = "NA", source[] = "n3", *name[] = {cat, one, na};
    struct fmnn_names names = {.count = 3, .name = name, .source = source};
    ck_assert_int_eq(class_of("cat", &names), 0);
    ck_assert_int_eq(class_of("1", &names), 1);
    ck_assert_int_eq(class_of("2.0", &names), 2);
    ck_assert_int_eq(class_of("NA", &names), 2);
    ck_assert_int_eq(class_of("NaN", &names), -1);
    ck_assert_int_eq(class_of("", &names), -1);
    ck_assert_int_eq(class_of("3", &names), -2);
    ck_assert_str_eq(error.message, "t.tsv:2: n3 names 3 classes, but label 3 occurs");
    ck_assert_int_eq(class_of("Cat", &names), -2);
    ck_assert_str_eq(error.message,
                     "t.tsv:2: label 'Cat' is neither a number nor one of the 3 names in n3");
    names.count = 1;
    ck_assert_int_eq(class_of("False", &names), 0);
    ck_assert_int_eq(class_of("True", &names), -2);
    ck_assert_int_eq(class_of("65535", NULL), 65535);
    ck_assert_int_eq(class_of("cat", NULL), -2);
    ck_assert_str_eq(error.message,
                     "t.tsv:2: label 'cat' is not a number from 0 to 65535; names need a list "
                     "(--classes), or a column 'class' in place of this one");
}
END_TEST

START_TEST(messages_show_no_control_characters)
{
    check_label("\x1b[31m", 10, 0, "t.tsv:2: label '?[31m' is not a number from 0 to 9");
}
END_TEST

static void check_number(const char *text, bool good, double wanted)
{
    char line[256];
    double number = 77;
    snprintf(line, sizeof line, "epoch\tloss\n1\t%s\n", text);
    struct fmnn_table *table = opened(line, FMNN_TABLE_HISTORY);
    ck_assert_int_eq(fmnn_table_next(table, &error), 1);
    ck_assert_int_eq(fmnn_table_number(table, 1, &number, &error), good ? 0 : -1);
    if (good)
        ck_assert(number == wanted);
    else
        ck_assert_ptr_nonnull(strstr(error.message, "t.tsv:2: loss '"));
    fmnn_table_close(table);
}

/* Tests set the locale back at their end, because with CK_FORK=no all tests share a process. */
static bool set_comma_locale(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    for (size_t i = 0; i < FM_COUNT(names); i++)
        if (setlocale(LC_ALL, names[i]))
            return true;
    /* None is installed, but glibc can make one here. */
    if (if_quick(1, 0))
        return false;
    if (system("localedef -i de_DE -f UTF-8 ./de_DE.UTF-8 >localedef.log 2>&1") != 0)
        return false;
    setenv("LOCPATH", scratch_directory, 1);
    bool set = setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
    return system("rm -r ./de_DE.UTF-8") == 0 && set;
}

START_TEST(numbers_in_any_locale)
{
    if (_i && !set_comma_locale())
        return;
#ifdef __GLIBC__ /* musl's locales all have a point */
    if (_i)
        ck_assert_str_eq(localeconv()->decimal_point, ",");
#endif
    check_number("0.5", true, 0.5);
    check_number("-1.25e-3", true, -1.25e-3);
    check_number("1e5", true, 1e5);
    check_number(".5", true, 0.5);
    check_number("+5.", true, 5);
    check_number("2E3", true, 2000);
    check_number("2e+03", true, 2000);
    check_number("-25E-1", true, -2.5);
    check_number("900e-2", true, 9);
    static const char *const bad[] = {"",    "x",   "1,5",  "nan",   "inf",  "0x10", "1 1", "1e",
                                      "1e+", "1ex", "1e-/", "1e:",   "1e5x", "1/",   "1:",  "-",
                                      "+-1", "1f5", "--1",  "1e999", ".",    "1.2.3"};
    for (size_t i = 0; i < FM_COUNT(bad); i++)
        check_number(bad[i], false, 0);

    static const struct {
        double number;
        const char *text;
    } format[] = {{0, "0"},
                  {0.1, "0.1"},
                  {999999998.5, "999999998"}, /* to even */
                  {9.9999999996, "10"},
                  {99999.99999, "100000"},
                  {0.99999999996, "1"},
                  {0.0000999999999996, "0.0001"},
                  {1e-30, "1e-30"},
                  {9.99999e-31, "9.99999e-31"},
                  {1.25e-10, "1.25e-10"},
                  {-1e-29, "-1e-29"},
                  {1.0 / 3, "0.333333333"},
                  {-2.0 / 3, "-0.666666667"},
                  {1e-5, "1e-05"},
                  {1.5e-300, "1.5e-300"},
                  {123456789, "123456789"},
                  {1234567890.0, "1.23456789e+09"},
                  {-1.7976931348623157e308, "-1.79769313e+308"}};
    char text[32];
    for (size_t i = 0; i < FM_COUNT(format); i++) {
        fmnn_format_number(text, format[i].number);
        ck_assert_str_eq(text, format[i].text);
    }
    setlocale(LC_ALL, "C");
}
END_TEST

/* Those of the program that calls. */
START_TEST(numbers_in_any_rounding_mode)
{
#ifdef FE_UPWARD
    static const char *const text[] = {"0.1", "1e-35", "-1e+35", "1.2345e+300", "5.5e-310"};
    for (size_t i = 0; i < FM_COUNT(text); i++) {
        char back[32];
        double number, nearest = strtod(text[i], NULL);
        fesetround(FE_UPWARD);
        bool good = fm_parse_double(text[i], &number);
        fmnn_format_number(back, nearest);
        int mode = fegetround();
        fesetround(FE_TONEAREST);
        ck_assert(mode == FE_UPWARD);
        ck_assert(good && number == nearest);
        ck_assert_str_eq(back, text[i]);
    }
#endif
}
END_TEST

/* In a Turkish locale, I and i are not the same letter. */
START_TEST(known_words_in_any_locale)
{
    static const char *const known[] = {"split", NULL};
    struct fmnn_names *names;
    int label;
    if (_i && !setlocale(LC_ALL, "tr_TR.UTF-8") && !setlocale(LC_ALL, "tr_TR.utf8"))
        return;
    struct fmnn_table *table = rows("IMAGE\tLABEL\tSPLIT\tPREDICTED\tCONFIDENCE\n"
                                    "a\tTRUE\ttrain\t1\t0.5\n");
    for (int i = 0; fm_table_columns(FMNN_TABLE_ROWS)[i]; i++)
        ck_assert_int_eq(fmnn_table_find(table, fm_table_columns(FMNN_TABLE_ROWS)[i]), i);
    ck_assert_int_eq(fmnn_table_next(table, &error), 1);
    ck_assert_int_eq(fmnn_table_label(table, 1, 2, &label, &error), 0);
    ck_assert_int_eq(label, 1);
    fmnn_table_close(table);
    ck_assert_str_eq(fmnn_image_format("x.JFIF"), "JPEG");
    ck_assert_str_eq(fmnn_file_other("<!DOCTYPE html>", 15), "an HTML or XML page");
    ck_assert_ptr_nonnull(fmnn_dataset_find("FASHION-MNIST"));
    ck_assert_int_eq(fmnn_names_of_directory("FASHION-MNIST", &names, &error), 0);
    ck_assert_ptr_nonnull(names);
    fmnn_names_free(names);
    ck_assert_str_eq(fmnn_suggest("SPLIIT", known), "split");
    setlocale(LC_ALL, "C");
}
END_TEST

START_TEST(numbers_round_trip)
{
    /* %.9g preserves every float. */
    for (uint32_t i = 1; i < 20000; i++) {
        float f = (float)i * 1.1920929e-7f, back;
        char text[32];
        fmnn_format_number(text, (double)f);
        back = strtof(text, NULL);
        ck_assert(back == f);
    }
}
END_TEST

static uint64_t scramble(uint64_t x)
{
    x = (x ^ x >> 31) * UINT64_C(0x7fb5d329728ea185);
    x = (x ^ x >> 27) * UINT64_C(0x81dadef4bc2dd44d);
    return x ^ x >> 33;
}

/* Numbers of all kinds against printf(), which is exact. */
START_TEST(numbers_equal_printf)
{
    for (uint64_t i = 0, all = if_quick(2000, 300000); i < all; i++) {
        uint64_t u = scramble(i + 1);
        uint32_t v = (uint32_t)(u >> 20);
        double kind[7] = {0,
                          0,
                          (double)(u >> 11) / 9007199254740992.0,
                          (double)(u % 2000000000),
                          ldexp((double)(u >> 60), -(int)(u % 64)),
                          (double)(u % 1000000000 * 10 + 5) / pow(10, (double)(u >> 32 & 15)),
                          -exp(-(double)(u >> 40) / 200000)};
        float f;
        memcpy(&kind[0], &u, sizeof u);
        memcpy(&f, &v, sizeof f);
        kind[1] = (double)f;
        for (size_t k = 0; k < FM_COUNT(kind); k++) {
            char text[32], want[64];
            double both[2] = {kind[k], (double)(float)kind[k]};
            for (int n = 0; n < 2; n++) {
                fmnn_format_number(text, both[n]);
                snprintf(want, sizeof want, "%.9g", both[n]);
                ck_assert_msg(!strcmp(text, want), "%a: %s, not %s", both[n], text, want);
            }
        }
    }
}
END_TEST

START_TEST(errors_name_the_line)
{
    struct fmnn_table *table = rows("image\tlabel\na\t1\n");
    ck_assert_int_eq(fmnn_table_fail(table, &error, "nothing was %s", "read"), -1);
    ck_assert_str_eq(error.message, "t.tsv: nothing was read");
    fmnn_table_next(table, &error);
    ck_assert_int_eq(fmnn_table_fail(table, &error, "class %d", 3), -1);
    ck_assert_str_eq(error.message, "t.tsv:2: class 3");
    ck_assert_int_eq(error.status, FMNN_DATA);
    fmnn_table_close(table);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("table");
    scratch_enter();
    tcase_add_test(tcase, columns_are_found_by_name);
    tcase_add_test(tcase, missing_column);
    tcase_add_test(tcase, lost_header);
    tcase_add_test(tcase, moved_and_repeated_headers);
    tcase_add_test(tcase, header_is_recognised_by_one_known_name);
    tcase_add_test(tcase, headers_of_other_kinds);
    tcase_add_test(tcase, headers_between_other_separators);
    tcase_add_test(tcase, empty_tables);
    tcase_add_test(tcase, last_line_without_feed);
    tcase_add_test(tcase, only_rows_of_given_splits);
    tcase_add_test(tcase, lines_with_wrong_number_of_fields);
    tcase_add_test(tcase, blank_lines_at_the_end);
    tcase_add_test(tcase, blanks_around_fields);
    tcase_add_test(tcase, lines_with_forbidden_bytes);
    tcase_add_test(tcase, files_that_are_no_tables);
    tcase_add_test(tcase, tables_of_other_programs);
    tcase_add_test(tcase, unknown_column_names);
    tcase_add_test(tcase, long_lines);
    tcase_add_test(tcase, many_columns);
    tcase_add_test(tcase, unreadable_files);
    tcase_add_test(tcase, pausing_pipe);
    tcase_add_test(tcase, error_ahead_is_reported_in_turn);
    tcase_add_loop_test(tcase, slow_bytes_and_signals, 0, 2);
    tcase_add_test(tcase, many_rows);
    tcase_add_test(tcase, labels);
    tcase_add_test(tcase, labels_that_are_names);
    tcase_add_test(tcase, messages_show_no_control_characters);
    tcase_add_loop_test(tcase, numbers_in_any_locale, 0, 2);
    tcase_add_test(tcase, numbers_in_any_rounding_mode);
    tcase_add_loop_test(tcase, known_words_in_any_locale, 0, 2);
    tcase_add_test(tcase, numbers_round_trip);
    tcase_add_test(tcase, numbers_equal_printf);
    tcase_add_test(tcase, errors_name_the_line);
    int status = run_tests("table", tcase);
    scratch_leave();
    return status;
}
