/* label-issues.c -- finds labels that are probably wrong, by confident learning: C. Northcutt,
   L. Jiang and I. Chuang, Confident learning: estimating uncertainty in dataset labels, 2021. The
   numbers are computed as cleanlab 2.9 computes them.

   Contents: 1. The confident joint  2. Pruning  3. The result */
#include "base/float.h"
#include "metrics/pairwise.h"

#include <math.h>

enum { MIN_IMAGES = 1 };          /* of a class that must remain */
static const double slack = 1e-6; /* numbers that differ by less are equal */

struct search {
    const double *p; /* (n,classes) */
    const uint32_t *label;
    size_t n, classes;
    size_t *first;     /* (classes + 1): where the images of each label begin in `member` */
    double *threshold; /* of each class: an image is confidently of the class from here on */
    double *joint;     /* (classes,classes): images by label and probable class */
    double *scratch;   /* (n or classes squared) */
    size_t *member;    /* (n): images, by label */
    bool *issue;       /* (n) */
};

/* ---- 1. The confident joint ---- */

static const double *row_of(const struct search *s, size_t image)
{
    return s->p + image * s->classes;
}

static size_t support(const struct search *s, size_t label)
{
    return s->first[label + 1] - s->first[label];
}

static void sort_by_label(struct search *s)
{
    for (size_t i = 0; i < s->n; i++)
        s->first[s->label[i] + 1]++;
    for (size_t k = 0; k < s->classes; k++)
        s->first[k + 1] += s->first[k];
    for (size_t i = s->n; i-- > 0;)
        s->member[--s->first[s->label[i] + 1]] = i;
    /* Each entry has moved to the start of its label: back by one place. */
    memmove(s->first, s->first + 1, s->classes * sizeof *s->first);
    s->first[s->classes] = s->n;
}

/* The mean probability of a class among the images that are labelled so. A class without images has
   a threshold that no probability reaches. */
static void set_thresholds(struct search *s)
{
    for (size_t k = 0; k < s->classes; k++) {
        size_t n = support(s, k);
        for (size_t i = 0; i < n; i++)
            s->scratch[i] = row_of(s, s->member[s->first[k] + i])[k];
        double mean = n ? fm_pairwise_sum(s->scratch, n) / (double)n : 2;
        s->threshold[k] = mean > 2 * slack ? mean : 2 * slack;
    }
}

/* The class that an image confidently belongs to; `classes` if there is none. If there are several,
   the most probable class of all. */
static size_t confident_class(const struct search *s, size_t image)
{
    const double *p = row_of(s, image);
    size_t found = s->classes, best = 0, reached = 0;
    for (size_t k = 0; k < s->classes; k++) {
        if (p[k] >= s->threshold[k] - slack && reached++ == 0)
            found = k;
        if (p[k] > p[best])
            best = k;
    }
    return reached > 1 ? best : found;
}

static void count_joint(struct search *s)
{
    for (size_t i = 0; i < s->n; i++) {
        size_t class = confident_class(s, i);
        if (class < s->classes)
            s->joint[s->label[i] * s->classes + class]++;
    }
    for (size_t k = 0; k < s->classes; k++) {
        double *diagonal = &s->joint[k * s->classes + k];
        *diagonal = *diagonal > 1 ? *diagonal : 1;
    }
}

/* Scales the joint so that each row has as many images as its label, and all together n. The sum of
   all runs down the columns, because that is their order in cleanlab's memory. */
static void calibrate(struct search *s)
{
    size_t k = s->classes;
    for (size_t i = 0; i < k; i++) {
        double sum = 0;
        for (size_t j = 0; j < k; j++)
            sum += s->joint[i * k + j]; /* whole numbers: exact in any order */
        for (size_t j = 0; j < k; j++)
            s->joint[i * k + j] = s->joint[i * k + j] / sum * (double)support(s, i);
    }
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++)
            s->scratch[j * k + i] = s->joint[i * k + j];
    double total = fm_pairwise_sum(s->scratch, k * k);
    for (size_t i = 0; i < k * k; i++)
        s->joint[i] = s->joint[i] / (total > 1e-100 ? total : 1e-100) * (double)s->n;
}

struct remainder {
    double rest;
    size_t at;
};

static int compare_remainders(const void *a, const void *b)
{
    const struct remainder *x = a, *y = b;
    if (x->rest != y->rest)
        return x->rest < y->rest ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Rounds a row so that its sum is kept: the numbers that rounding changed most in the other
   direction give way. */
static void round_row(double *row, size_t n, double *whole, struct remainder *order)
{
    double wanted = rint(fm_pairwise_sum(row, n)), sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += whole[i] = rint(row[i]);
    while (fabs(sum - wanted) > slack) {
        double step = wanted < sum ? -1 : 1;
        size_t changes = (size_t)fabs(wanted - sum);
        for (size_t i = 0; i < n; i++)
            order[i] = (struct remainder){row[i] - whole[i], i};
        qsort(order, n, sizeof *order, compare_remainders);
        changes = changes < n ? changes : n;
        for (size_t i = 0; i < changes; i++)
            whole[order[step < 0 ? i : n - 1 - i].at] += step;
        sum += step * (double)changes;
    }
    memcpy(row, whole, n * sizeof *row);
}

static int round_joint(struct search *s, struct fmnn_error *err)
{
    struct remainder *order = fm_alloc(s->classes, sizeof *order, err);
    if (!order)
        return -1;
    for (size_t i = 0; i < s->classes; i++)
        round_row(s->joint + i * s->classes, s->classes, s->scratch, order);
    free(order);
    return 0;
}

/* ---- 2. Pruning ---- */

/* How many images of a label are probably of each other class: the row of the joint. If fewer than
   MIN_IMAGES would keep their label, the others are lowered. */
static void set_counts(const struct search *s, size_t label, size_t *count)
{
    const double *row = s->joint + label * s->classes;
    double lack = row[label] < MIN_IMAGES ? MIN_IMAGES - row[label] : 0, others = -1;
    for (size_t k = 0; k < s->classes; k++)
        others += row[k] != 0;
    for (size_t k = 0; k < s->classes; k++) {
        double left = row[k] - lack / (others > 1 ? others : 1);
        count[k] = k != label && left > 0 ? (size_t)left : 0;
    }
}

struct margin {
    double margin;
    size_t image;
};

static int compare_margins(const void *a, const void *b)
{
    const struct margin *x = a, *y = b;
    if (x->margin != y->margin)
        return x->margin > y->margin ? -1 : 1;
    return (x->image > y->image) - (x->image < y->image);
}

/* Marks the images of a label that exceed it most in the probability of another class. */
static void prune(struct search *s, size_t label, const size_t *count, struct margin *order)
{
    size_t members = support(s, label);
    for (size_t k = 0; k < s->classes; k++) {
        size_t wanted = count[k] < members ? count[k] : members;
        for (size_t i = 0; wanted && i < members; i++) {
            size_t image = s->member[s->first[label] + i];
            order[i] = (struct margin){row_of(s, image)[k] - row_of(s, image)[label], image};
        }
        if (wanted)
            qsort(order, members, sizeof *order, compare_margins);
        for (size_t i = 0; i < wanted; i++)
            s->issue[order[i].image] = true;
    }
}

static int prune_all(struct search *s, struct fmnn_error *err)
{
    size_t *count = fm_alloc(s->classes, sizeof *count, err);
    struct margin *order = count ? fm_alloc(s->n, sizeof *order, err) : NULL;
    for (size_t label = 0; order && label < s->classes; label++)
        if (support(s, label) > MIN_IMAGES) {
            set_counts(s, label, count);
            prune(s, label, count, order);
        }
    free(count);
    free(order);
    return order ? 0 : -1;
}

/* ---- 3. The result ---- */

/* The most probable class; of a tie within the slack, the label. */
static size_t suggestion(const struct search *s, size_t image)
{
    const double *p = row_of(s, image);
    size_t label = s->label[image], best = 0;
    for (size_t k = 0; k < s->classes; k++)
        if (p[k] + (k == label ? slack : 0) > p[best] + (best == label ? slack : 0))
            best = k;
    return best;
}

static int compare_issues(const void *a, const void *b)
{
    const struct fmnn_label_issue *x = a, *y = b;
    if (x->self_confidence != y->self_confidence)
        return x->self_confidence < y->self_confidence ? -1 : 1;
    return (x->image > y->image) - (x->image < y->image);
}

static int list_issues(const struct search *s, struct fmnn_label_issue **issues, size_t *count,
                       struct fmnn_error *err)
{
    size_t found = 0;
    for (size_t i = 0; i < s->n; i++)
        found += s->issue[i] = s->issue[i] && suggestion(s, i) != s->label[i];
    *count = found;
    if (!found)
        return 0;
    struct fmnn_label_issue *issue = *issues = fm_alloc(found, sizeof *issue, err);
    if (!issue)
        return -1;
    for (size_t i = 0; i < s->n; i++)
        if (s->issue[i])
            *issue++ = (struct fmnn_label_issue){i, suggestion(s, i), row_of(s, i)[s->label[i]]};
    qsort(*issues, found, sizeof **issues, compare_issues);
    return 0;
}

static int start(struct search *s, struct fmnn_error *err)
{
    size_t cells = 0, k = s->classes;
    if (k < 1 || k > FMNN_CONFUSION_MAX_CLASSES)
        return fm_fail(err, FMNN_USAGE, "%zu classes: expected 1 to %d", k,
                       FMNN_CONFUSION_MAX_CLASSES);
    for (size_t i = 0; i < s->n; i++)
        if (s->label[i] >= k)
            return fm_fail(err, FMNN_DATA, "no class %u: the classes are 0 to %zu",
                           (unsigned)s->label[i], k - 1);
    cells = k * k > s->n ? k * k : s->n;
    s->first = fm_alloc(k + 1, sizeof *s->first, err);
    s->threshold = s->first ? fm_alloc(k, sizeof *s->threshold, err) : NULL;
    s->joint = s->threshold ? fm_alloc(k * k, sizeof *s->joint, err) : NULL;
    s->scratch = s->joint ? fm_alloc(cells, sizeof *s->scratch, err) : NULL;
    s->member = s->scratch ? fm_alloc(s->n + 1, sizeof *s->member, err) : NULL;
    s->issue = s->member ? fm_alloc(s->n + 1, sizeof *s->issue, err) : NULL;
    return s->issue ? 0 : -1;
}

int fmnn_label_issues(const double *probabilities, const uint32_t *labels, size_t n, size_t classes,
                      struct fmnn_label_issue **issues, size_t *count, struct fmnn_error *err)
{
    struct search s = {.p = probabilities, .label = labels, .n = n, .classes = classes};
    *issues = NULL;
    *count = 0;
    int status = start(&s, err);
    fm_float_state before = fm_float_enter();
    if (status == 0 && n) {
        sort_by_label(&s);
        set_thresholds(&s);
        count_joint(&s);
        calibrate(&s);
        status = round_joint(&s, err);
        if (status == 0)
            status = prune_all(&s, err);
        if (status == 0)
            status = list_issues(&s, issues, count, err);
    }
    fm_float_leave(before);
    free(s.first);
    free(s.threshold);
    free(s.joint);
    free(s.scratch);
    free(s.member);
    free(s.issue);
    return status;
}
