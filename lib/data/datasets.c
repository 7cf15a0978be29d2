/* datasets.c -- the data sets that fmnn knows by name: their classes, files and digests. */
#include "base/internal.h"

static const char *const fashion_classes[] = {"T-shirt/top", "Trouser",   "Pullover", "Dress",
                                              "Coat",        "Sandal",    "Shirt",    "Sneaker",
                                              "Bag",         "Ankle boot"};
static const char *const kana[] = {"o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"};

static const char *const cifar_10[] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                       "dog",      "frog",       "horse", "ship", "truck"};
static const char *const cifar_100[] = {
    "apple",       "aquarium_fish", "baby",      "bear",       "beaver",       "bed",
    "bee",         "beetle",        "bicycle",   "bottle",     "bowl",         "boy",
    "bridge",      "bus",           "butterfly", "camel",      "can",          "castle",
    "caterpillar", "cattle",        "chair",     "chimpanzee", "clock",        "cloud",
    "cockroach",   "couch",         "crab",      "crocodile",  "cup",          "dinosaur",
    "dolphin",     "elephant",      "flatfish",  "forest",     "fox",          "girl",
    "hamster",     "house",         "kangaroo",  "keyboard",   "lamp",         "lawn_mower",
    "leopard",     "lion",          "lizard",    "lobster",    "man",          "maple_tree",
    "motorcycle",  "mountain",      "mouse",     "mushroom",   "oak_tree",     "orange",
    "orchid",      "otter",         "palm_tree", "pear",       "pickup_truck", "pine_tree",
    "plain",       "plate",         "poppy",     "porcupine",  "possum",       "rabbit",
    "raccoon",     "ray",           "road",      "rocket",     "rose",         "sea",
    "seal",        "shark",         "shrew",     "skunk",      "skyscraper",   "snail",
    "snake",       "spider",        "squirrel",  "streetcar",  "sunflower",    "sweet_pepper",
    "table",       "tank",          "telephone", "television", "tiger",        "tractor",
    "train",       "trout",         "tulip",     "turtle",     "wardrobe",     "whale",
    "willow_tree", "wolf",          "woman",     "worm"};

/* EMNIST's "letters" has one class for a letter in either case. Its "balanced" and "bymerge" tell
   capital and small letters apart only if they look different. */
#define CAPITALS                                                                                   \
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", \
        "T", "U", "V", "W", "X", "Y", "Z"
#define DIGITS "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"
static const char *const digits[] = {DIGITS};
static const char *const capitals[] = {CAPITALS};
static const char *const merged[] = {DIGITS, CAPITALS, "a", "b", "d", "e", "f",
                                     "g",    "h",      "n", "q", "r", "t"};
static const char *const characters[] = {DIGITS, CAPITALS, "a", "b", "c", "d", "e", "f", "g", "h",
                                         "i",    "j",      "k", "l", "m", "n", "o", "p", "q", "r",
                                         "s",    "t",      "u", "v", "w", "x", "y", "z"};

/* The size and SHA-256 digest of each uncompressed file. */
#define FILES(a, train_images, b, train_labels, c, test_images, d, test_labels)                    \
    {                                                                                              \
        {"train-images-idx3-ubyte", a, train_images},                                              \
            {"train-labels-idx1-ubyte", b, train_labels},                                          \
            {"t10k-images-idx3-ubyte", c, test_images},                                            \
            {"t10k-labels-idx1-ubyte", d, test_labels},                                            \
    }
/* 60,000 training and 10,000 test images of 28 x 28, as in the first three data sets. */
#define LIKE_MNIST(train_images, train_labels, test_images, test_labels)                           \
    FILES(47040016, train_images, 60008, train_labels, 7840016, test_images, 10008, test_labels)
#define ANY FILES(0, NULL, 0, NULL, 0, NULL, 0, NULL)

static const struct fmnn_dataset datasets[] = {
    {"fashion-mnist", "Fashion-MNIST", /* the revision of 31 August 2017 */
     LIKE_MNIST("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
     FM_COUNT(fashion_classes), fashion_classes, 0, false},
    {"mnist", "MNIST",
     LIKE_MNIST("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
     FM_COUNT(digits), digits, 0, false},
    {"kmnist", "Kuzushiji-MNIST", LIKE_MNIST(NULL, NULL, NULL, NULL), FM_COUNT(kana), kana, 0,
     false},
    {"emnist-balanced", "EMNIST Balanced", ANY, FM_COUNT(merged), merged, 0, true},
    {"emnist-byclass", "EMNIST ByClass", ANY, FM_COUNT(characters), characters, 0, true},
    {"emnist-bymerge", "EMNIST ByMerge", ANY, FM_COUNT(merged), merged, 0, true},
    {"emnist-digits", "EMNIST Digits", ANY, FM_COUNT(digits), digits, 0, true},
    {"emnist-letters", "EMNIST Letters", ANY, FM_COUNT(capitals), capitals, 1, true},
    {"emnist-mnist", "EMNIST MNIST", ANY, FM_COUNT(digits), digits, 0, true},
    {"qmnist", "QMNIST", ANY, FM_COUNT(digits), digits, 0, false},
    {"cifar-10", "CIFAR-10", ANY, FM_COUNT(cifar_10), cifar_10, 0, false},
    {"cifar-100", "CIFAR-100", ANY, FM_COUNT(cifar_100), cifar_100, 0, false},
};

const struct fmnn_dataset *fmnn_dataset_at(size_t i)
{
    return i < FM_COUNT(datasets) ? &datasets[i] : NULL;
}

/* Without regard to case: people write Fashion-MNIST as often as fashion-mnist. */
const struct fmnn_dataset *fmnn_dataset_find(const char *name)
{
    for (size_t i = 0; i < FM_COUNT(datasets); i++)
        if (fm_same_word(datasets[i].name, name))
            return &datasets[i];
    return NULL;
}
