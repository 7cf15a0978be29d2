/* fetch-sources.c -- the mirrors of the known data sets, and how to recognise older revisions. */
#include "fetch/fm-fetch.h"

const char *const default_dataset = "fashion-mnist";

/* Digests protect a pinned data set, so its mirrors may use plain HTTP. Mirrors of other data sets
   must use HTTPS. */
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
    {"qmnist", {"https://raw.githubusercontent.com/facebookresearch/qmnist/master"}},
    {"cifar-10", {"https://www.cs.toronto.edu/~kriz"}},
    {"cifar-100", {"https://www.cs.toronto.edu/~kriz"}},
};

/* The files of data sets that are published in another form, without .gz. */
static const struct fmnn_dataset packed[] = {
    {.name = "qmnist",
     .title = "QMNIST",
     .files = {{"qmnist-train-images-idx3-ubyte", 0, NULL},
               {"qmnist-train-labels-idx2-int", 0, NULL},
               {"qmnist-test-images-idx3-ubyte", 0, NULL},
               {"qmnist-test-labels-idx2-int", 0, NULL}}},
    {.name = "cifar-10", .title = "CIFAR-10", .files = {{"cifar-10-binary.tar", 0, NULL}}},
    {.name = "cifar-100", .title = "CIFAR-100", .files = {{"cifar-100-binary.tar", 0, NULL}}},
};

const struct fmnn_dataset *packed_form(const char *set)
{
    for (size_t i = 0; i < sizeof packed / sizeof *packed; i++)
        if (!strcmp(packed[i].name, set))
            return &packed[i];
    return NULL;
}

#define AUGUST_26                                                                                  \
    "this is the revision of 26 August 2017, which has test images in its training set"
#define AUGUST_25 "this is the revision of 25 August 2017, which is sorted by class"

/* Training labels, then test labels. */
const struct revision revisions[] = {
    {"fashion-mnist", "2ddd6a368b6f6176236d9ceeb813541d", AUGUST_26},
    {"fashion-mnist", "e02ce863a33cd8338b795da3a1142d3a", AUGUST_26},
    {"fashion-mnist", "1d65f0b32da7751659b0734924d03695", AUGUST_25},
    {"fashion-mnist", "a1a12987f21613b3077e302eb02e73f5", AUGUST_25},
    {NULL, NULL, NULL},
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
    const struct fmnn_dataset *set = fmnn_dataset_at(i);
    if (set)
        *source = (struct source){set, mirrors_of(set->name), set->files[0].bytes == 0};
    return set != NULL;
}
