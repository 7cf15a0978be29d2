/* fetch-sources.c -- where the known data sets are, and what is found under their names. */
#include "fetch.h"

const char *const default_dataset = "fashion-mnist";

/* Digests decide what is taken from the mirrors of a pinned set, so that plain HTTP does no harm
   there; those of other sets are by https only. */
static const struct {
    const char *set;
    const char *mirrors[4];
} table[] = {
    {"fashion-mnist",
     {"https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/"
      "b2617bb6d3ffa2e429640350f613e3291e10b141/data/fashion",
      "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
      "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"}},
    {"mnist",
     {"https://storage.googleapis.com/cvdf-datasets/mnist",
      "https://ossci-datasets.s3.amazonaws.com/mnist"}},
    {"kmnist", {"https://codh.rois.ac.jp/kmnist/dataset/kmnist"}},
};

#define MNIST "this is MNIST, handwritten digits"
#define AUGUST_26                                                                                  \
    "this is the revision of 26 August 2017, which has test pictures in its training set"
#define AUGUST_25 "this is the revision of 25 August 2017, which is sorted by class"

/* MNIST's files bear the same names and have the same sizes. The older revisions of Fashion-MNIST
   are known by their labels. */
const struct lookalike lookalikes[] = {
    {"mnist", "train-images-idx3-ubyte",
     "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", NULL, MNIST},
    {"mnist", "train-labels-idx1-ubyte",
     "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", NULL, MNIST},
    {"mnist", "t10k-images-idx3-ubyte",
     "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", NULL, MNIST},
    {"mnist", "t10k-labels-idx1-ubyte",
     "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", NULL, MNIST},
    {"fashion-mnist", "train-labels-idx1-ubyte", NULL, "2ddd6a368b6f6176236d9ceeb813541d",
     AUGUST_26},
    {"fashion-mnist", "t10k-labels-idx1-ubyte", NULL, "e02ce863a33cd8338b795da3a1142d3a",
     AUGUST_26},
    {"fashion-mnist", "train-labels-idx1-ubyte", NULL, "1d65f0b32da7751659b0734924d03695",
     AUGUST_25},
    {"fashion-mnist", "t10k-labels-idx1-ubyte", NULL, "a1a12987f21613b3077e302eb02e73f5",
     AUGUST_25},
    {NULL, NULL, NULL, NULL, NULL},
};

static const char *const *mirrors_of(const char *set)
{
    static const char *const none[] = {NULL};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(table[i].set, set))
            return table[i].mirrors;
    return none;
}

bool source_at(size_t i, struct source *source)
{
    const struct fmnn_set *set = fmnn_set_at(i);
    if (set)
        *source = (struct source){set, mirrors_of(set->name)};
    return set != NULL;
}
