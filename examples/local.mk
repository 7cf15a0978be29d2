# The first script for a user, the sample data, and the test runner.
EXTRA_DIST += tests/run examples/prepare.sh examples/quickstart \
	examples/sample/README examples/sample/COPYING examples/sample/make examples/sample/classes.txt \
	examples/sample/train-images-idx3-ubyte.gz examples/sample/train-labels-idx1-ubyte.gz \
	examples/sample/t10k-images-idx3-ubyte.gz examples/sample/t10k-labels-idx1-ubyte.gz

# An example program for the library; libfmnn(3) shows this file.
check_PROGRAMS += examples/embed
examples_embed_SOURCES = examples/embed.c
examples_embed_CPPFLAGS = $(public_cppflags)
examples_embed_LDADD = lib/libfmnn.la

# The record of a training of fc, and the script that makes it.
EXTRA_DIST += examples/record examples/record-fc/README examples/record-fc/fc.tsv \
	examples/record-fc/test.txt examples/record-fc/curves.png examples/record-fc/matrix.png \
	examples/record-fc/first10.png examples/record-fc/wrong.png examples/record-fc/filters.png

# A grid search, and the record of one.
EXTRA_DIST += examples/search
EXTRA_DIST += examples/record-search/README examples/record-search/results.tsv \
	examples/record-search/confirm.txt examples/record-search/best.png

# What the three scripts below share.
EXTRA_DIST += examples/study.sh examples/page.awk

# Presets with several seeds on all training images.
EXTRA_DIST += examples/ladder
# The record of the presets quick and good.
EXTRA_DIST += examples/record-ladder/report.md examples/record-ladder/report.html examples/record-ladder/looks \
	examples/record-ladder/quick-0.tsv examples/record-ladder/quick-1.tsv examples/record-ladder/quick-2.tsv \
	examples/record-ladder/quick-3.tsv examples/record-ladder/quick-4.tsv \
	examples/record-ladder/good-0.tsv examples/record-ladder/good-1.tsv examples/record-ladder/good-2.tsv \
	examples/record-ladder/good-3.tsv examples/record-ladder/good-4.tsv \
	examples/record-ladder/quick-curves.png examples/record-ladder/quick-matrix.png \
	examples/record-ladder/good-curves.png examples/record-ladder/good-matrix.png
# The record of the preset better.
EXTRA_DIST += examples/record-better/README examples/record-better/report.md examples/record-better/report.html \
	examples/record-better/looks examples/record-better/better-0.tsv examples/record-better/better-1.tsv \
	examples/record-better/better-2.tsv examples/record-better/better-curves.png \
	examples/record-better/better-matrix.png

# The record of the preset best.
EXTRA_DIST += examples/record-best/README examples/record-best/report.md examples/record-best/report.html \
	examples/record-best/looks examples/record-best/best-0.tsv examples/record-best/best-curves.png \
	examples/record-best/best-matrix.png examples/record-best/recipes

# Labels that are probably wrong.
EXTRA_DIST += examples/label-issues
# The record of two searches with planted labels.
EXTRA_DIST += examples/record-label-issues/README \
	examples/record-label-issues/planted-1.md examples/record-label-issues/planted-5.md \
	examples/record-label-issues/planted-1.png examples/record-label-issues/planted-5.png

# The notebook's study, and the notebook's results.
EXTRA_DIST += examples/notebook examples/notebook-2020.txt
# The record of that study on the whole data set.
EXTRA_DIST += examples/record-notebook/cnn-curves.png examples/record-notebook/cnn-matrix-test.png \
	examples/record-notebook/cnn-matrix-train.png examples/record-notebook/cnn.tsv \
	examples/record-notebook/fc-curves.png examples/record-notebook/fc-matrix-test.png \
	examples/record-notebook/fc-matrix-train.png examples/record-notebook/fc.tsv \
	examples/record-notebook/first10.png examples/record-notebook/only-cnn.png \
	examples/record-notebook/only-fc.png examples/record-notebook/reliability.png \
	examples/record-notebook/report.html examples/record-notebook/report.md
