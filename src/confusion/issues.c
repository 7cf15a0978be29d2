/* issues.c -- the rows whose label is probably wrong. All probabilities are held, but of the rows'
   text only what can be printed: rows whose label is not the most probable class. */
#include "confusion/issues.h"

static const char *const added[] = {"suggested", "self_confidence", "suggested_class"};
enum { ADDED = sizeof added / sizeof *added };

struct issues {
    size_t classes, count;
    char *header;
    double *probability;                /* (count,classes) */
    uint32_t *label;                    /* (count) */
    char **row;                         /* (count); NULL: the label is the most probable class */
    size_t probabilities, labels, rows; /* capacities */
};

struct issues *issues_new(void)
{
    return xcalloc(1, sizeof(struct issues));
}

void issues_free(struct issues *issues)
{
    for (size_t i = 0; issues && i < issues->count; i++)
        free(issues->row[i]);
    if (issues) {
        free(issues->row);
        free(issues->label);
        free(issues->probability);
        free(issues->header);
    }
    free(issues);
}

static void start(struct issues *issues, const struct fmnn_table *table, size_t classes)
{
    for (size_t i = 0; i < ADDED; i++)
        if (fmnn_table_find(table, added[i]) >= 0)
            die("%s: --label-issues adds a column '%s', but the table already has one",
                fmnn_table_name(table), added[i]);
    issues->classes = classes;
    issues->header = table_line(table, fmnn_table_column);
}

void issues_row(void *context, struct fmnn_table *table, size_t label, const double *probabilities,
                size_t classes)
{
    struct issues *issues = context;
    size_t n = issues->count, best = 0;
    if (!issues->header)
        start(issues, table, classes);
    xgrow((void **)&issues->probability, &issues->probabilities, (n + 1) * classes,
          sizeof *issues->probability);
    xgrow((void **)&issues->label, &issues->labels, n + 1, sizeof *issues->label);
    xgrow((void **)&issues->row, &issues->rows, n + 1, sizeof *issues->row);
    memcpy(issues->probability + n * classes, probabilities, classes * sizeof *probabilities);
    for (size_t k = 1; k < classes; k++)
        best = probabilities[k] > probabilities[best] ? k : best;
    issues->label[n] = (uint32_t)label;
    issues->row[n] = best == label ? NULL : table_line(table, fmnn_table_field);
    issues->count++;
}

static void print_issue(const struct issues *issues, const struct fmnn_label_issue *issue,
                        const struct fmnn_names *names)
{
    char confidence[32];
    fmnn_format_number(confidence, issue->self_confidence);
    printf("%s\t%zu\t%s", issues->row[issue->image], issue->suggested, confidence);
    if (names)
        printf("\t%s", names->name[issue->suggested]);
    putchar('\n');
}

void issues_print(struct issues *issues, const struct fmnn_names *names)
{
    struct fmnn_error error;
    struct fmnn_label_issue *found;
    size_t count;
    if (fmnn_label_issues(issues->probability, issues->label, issues->count, issues->classes,
                          &found, &count, &error) != 0)
        die_error(&error);
    printf("%s\t%s\t%s", issues->header, added[0], added[1]);
    printf(names ? "\t%s\n" : "\n", added[2]);
    for (size_t i = 0; i < count; i++)
        print_issue(issues, &found[i], names);
    free(found);
    note("%zu of %zu labels are probably wrong", count, issues->count);
}
