# Check programs for the library (they may include lib/internal.h and link the static library),
# TAP scripts for the programs.
TEST_EXTENSIONS = .test
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
TEST_LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
AM_TESTS_ENVIRONMENT = \
	PATH='$(abs_top_builddir)'/src:"$$PATH"; export PATH; \
	srcdir='$(abs_top_srcdir)'; export srcdir; builddir='$(abs_top_builddir)'; export builddir; \
	FMNN_MODELS='$(abs_top_srcdir)'/lib/models; export FMNN_MODELS; \
	CC='$(CC)'; export CC; FM_CFLAGS='$(FM_CFLAGS)'; export FM_CFLAGS; \
	LC_ALL=C; export LC_ALL; unset FMNN_DATA FMNN_KERNELS XDG_DATA_HOME;
EXTRA_DIST += build-aux/tap-driver.sh

# --- the library
LOG_COMPILER =
if HAVE_CHECK
check_PROGRAMS += $(library_tests)
TESTS += $(library_tests)
endif
library_tests = tests/check_rng tests/check_idx tests/check_png tests/check_safetensors \
	tests/check_table tests/check_datasets tests/check_images tests/check_split \
	tests/check_model tests/check_threads tests/check_engine \
	tests/check_winograd tests/check_train tests/check_damage tests/check_confusion tests/check_significance
if HAVE_WRAP
library_tests += tests/check_faults tests/check_common
endif
# The internals are hidden in the shared library; the tests use the static one.
check_cppflags = $(internal_cppflags) -I$(top_srcdir)/tests -I$(top_srcdir)/src $(CHECK_CFLAGS) $(ZLIB_CFLAGS) $(PNG_CFLAGS) $(XXHASH_CFLAGS)
check_ldflags = -static
check_ldadd = lib/libfmnn.la $(ZLIB_LIBS) $(PNG_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS) $(CHECK_LIBS)

tests_check_rng_SOURCES = tests/check_rng.c tests/runner.h
tests_check_rng_CPPFLAGS = $(check_cppflags)
tests_check_rng_LDFLAGS = $(check_ldflags)
tests_check_rng_LDADD = $(check_ldadd)
tests_check_idx_SOURCES = tests/check_idx.c tests/runner.h tests/scratch.h
tests_check_idx_CPPFLAGS = $(check_cppflags)
tests_check_idx_LDFLAGS = $(check_ldflags)
tests_check_idx_LDADD = $(check_ldadd)
tests_check_png_SOURCES = tests/check_png.c tests/runner.h tests/scratch.h
tests_check_png_CPPFLAGS = $(check_cppflags)
tests_check_png_LDFLAGS = $(check_ldflags)
tests_check_png_LDADD = $(check_ldadd)
tests_check_safetensors_SOURCES = tests/check_safetensors.c tests/runner.h tests/scratch.h
tests_check_safetensors_CPPFLAGS = $(check_cppflags)
tests_check_safetensors_LDFLAGS = $(check_ldflags)
tests_check_safetensors_LDADD = $(check_ldadd)
tests_check_table_SOURCES = tests/check_table.c tests/runner.h tests/scratch.h
tests_check_table_CPPFLAGS = $(check_cppflags)
tests_check_table_LDFLAGS = $(check_ldflags)
tests_check_table_LDADD = $(check_ldadd)
tests_check_datasets_SOURCES = tests/check_datasets.c tests/runner.h tests/scratch.h
tests_check_datasets_CPPFLAGS = $(check_cppflags)
tests_check_datasets_LDFLAGS = $(check_ldflags)
tests_check_datasets_LDADD = $(check_ldadd)
tests_check_images_SOURCES = tests/check_images.c tests/runner.h tests/scratch.h
tests_check_images_CPPFLAGS = $(check_cppflags)
tests_check_images_LDFLAGS = $(check_ldflags)
tests_check_images_LDADD = $(check_ldadd)
tests_check_split_SOURCES = tests/check_split.c tests/runner.h tests/scratch.h
tests_check_split_CPPFLAGS = $(check_cppflags)
tests_check_split_LDFLAGS = $(check_ldflags)
tests_check_split_LDADD = $(check_ldadd)
tests_check_model_SOURCES = tests/check_model.c tests/runner.h
tests_check_model_CPPFLAGS = $(check_cppflags)
tests_check_model_LDFLAGS = $(check_ldflags)
tests_check_model_LDADD = $(check_ldadd)
tests_check_threads_SOURCES = tests/check_threads.c tests/runner.h
tests_check_threads_CPPFLAGS = $(check_cppflags)
tests_check_threads_LDFLAGS = $(check_ldflags)
tests_check_threads_LDADD = $(check_ldadd)
tests_check_engine_SOURCES = tests/check_engine.c tests/runner.h tests/engine.h
tests_check_engine_CPPFLAGS = $(check_cppflags)
tests_check_engine_LDFLAGS = $(check_ldflags)
tests_check_engine_LDADD = $(check_ldadd)
tests_check_winograd_SOURCES = tests/check_winograd.c tests/runner.h tests/engine.h
tests_check_winograd_CPPFLAGS = $(check_cppflags)
tests_check_winograd_LDFLAGS = $(check_ldflags)
tests_check_winograd_LDADD = $(check_ldadd)
tests_check_train_SOURCES = tests/check_train.c tests/runner.h tests/engine.h tests/scratch.h
tests_check_train_CPPFLAGS = $(check_cppflags)
tests_check_train_LDFLAGS = $(check_ldflags)
tests_check_train_LDADD = $(check_ldadd)
tests_check_damage_SOURCES = tests/check_damage.c tests/runner.h tests/engine.h tests/scratch.h
tests_check_damage_CPPFLAGS = $(check_cppflags)
tests_check_damage_LDFLAGS = $(check_ldflags)
tests_check_damage_LDADD = $(check_ldadd)
tests_check_confusion_SOURCES = tests/check_confusion.c tests/runner.h
tests_check_confusion_CPPFLAGS = $(check_cppflags)
tests_check_confusion_LDFLAGS = $(check_ldflags)
tests_check_confusion_LDADD = $(check_ldadd)
tests_check_significance_SOURCES = tests/check_significance.c tests/runner.h
tests_check_significance_CPPFLAGS = $(check_cppflags)
tests_check_significance_LDFLAGS = $(check_ldflags)
tests_check_significance_LDADD = $(check_ldadd)
# What may fail is called through the test.
tests_check_faults_SOURCES = tests/check_faults.c tests/runner.h tests/scratch.h tests/engine.h
tests_check_faults_CPPFLAGS = $(check_cppflags) $(JANSSON_CFLAGS)
tests_check_faults_LDFLAGS = $(check_ldflags) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc \
	-Wl,--wrap=aligned_alloc,--wrap=inflateInit2_,--wrap=inflateReset,--wrap=inflate \
	-Wl,--wrap=json_object,--wrap=json_array,--wrap=json_integer,--wrap=json_string,--wrap=json_dumpb \
	-Wl,--wrap=json_object_set_new,--wrap=json_array_append_new,--wrap=XXH3_createState \
	-Wl,--wrap=png_create_info_struct,--wrap=fstat,--wrap=lseek,--wrap=read,--wrap=pread,--wrap=open \
	-Wl,--wrap=fread,--wrap=fwrite,--wrap=ferror
tests_check_faults_LDADD = $(check_ldadd)
# What the programs share, in the same way; and fm-fetch's judgement, with the small sets.
tests_check_common_SOURCES = tests/check_common.c tests/runner.h tests/scratch.h src/fetch/fetch-verify.c \
	tests/tiny-sources.c
tests_check_common_CPPFLAGS = $(check_cppflags) $(MD_CFLAGS) $(JANSSON_CFLAGS)
tests_check_common_LDFLAGS = $(check_ldflags) -Wl,--wrap=malloc,--wrap=calloc,--wrap=fstat,--wrap=isatty \
	-Wl,--wrap=inflateInit2_,--wrap=inflate,--wrap=pread,--wrap=__pread_chk,--wrap=open,--wrap=_exit,--wrap=read
tests_check_common_LDADD = src/libcommon.a $(check_ldadd) $(MD_LIBS)

# --- the programs
TESTS += $(program_tests)
program_tests = tests/fm-fetch.test tests/fetch-faults.test tests/fm-split.test tests/fm-train.test \
	tests/fm-predict.test tests/fm-confusion.test tests/fm-plot.test tests/golden.test tests/embed.test \
	tests/pages.test tests/pipeline.test tests/search.test tests/notebook.test tests/anydata.test \
	tests/streams.test tests/environment.test tests/corpus.test tests/faults.test
EXTRA_DIST += $(program_tests) tests/lib.sh tests/fetch.sh tests/expected/golden.sha256 \
	tests/expected/confusion-fashion.tsv tests/expected/confusion-fashion.txt \
	tests/expected/confusion-small.tsv tests/expected/confusion-small.txt \
	tests/expected/confusion-wide.tsv tests/expected/confusion-wide.txt \
	tests/expected/significance-first.tsv tests/expected/significance-second.tsv tests/expected/significance.txt

# What writes their data sets, weights and images.
check_PROGRAMS += tests/mkidx tests/mknet tests/mkpng tests/peak-memory
tests_peak_memory_SOURCES = tests/peak-memory.c
tests_mkidx_SOURCES = tests/mkidx.c
tests_mkidx_CPPFLAGS = $(AM_CPPFLAGS) $(ZLIB_CFLAGS)
tests_mkidx_LDADD = $(ZLIB_LIBS)
tests_mknet_SOURCES = tests/mknet.c
tests_mknet_LDADD = lib/libfmnn.la
tests_mkpng_SOURCES = tests/mkpng.c
tests_mkpng_CPPFLAGS = $(AM_CPPFLAGS) $(PNG_CFLAGS)
tests_mkpng_LDADD = lib/libfmnn.la $(PNG_LIBS)

# Good and bad files of every kind, and what each of them is.
check_PROGRAMS += tests/corpus/mkcorpus
tests_corpus_mkcorpus_SOURCES = tests/corpus/corpus.h tests/corpus/mkcorpus.c tests/corpus/corpus-weights.c \
	tests/corpus/corpus-idx.c tests/corpus/corpus-png.c tests/corpus/corpus-tables.c
tests_corpus_mkcorpus_CPPFLAGS = $(AM_CPPFLAGS) $(ZLIB_CFLAGS) $(PNG_CFLAGS) $(XXHASH_CFLAGS)
tests_corpus_mkcorpus_LDADD = $(ZLIB_LIBS) $(PNG_LIBS) $(XXHASH_LIBS)

# fm-fetch with data sets that are small enough to be made, and a server of faults.
check_PROGRAMS += tests/fm-fetch-tiny tests/tiny-data tests/httpd
tests_fm_fetch_tiny_SOURCES = $(fetch_sources) tests/tiny-sources.c
tests_fm_fetch_tiny_CPPFLAGS = $(fetch_cppflags)
tests_fm_fetch_tiny_LDADD = $(common_ldadd) $(fetch_libs)
tests_tiny_data_SOURCES = tests/tiny-data.c
tests_tiny_data_CPPFLAGS = $(AM_CPPFLAGS) $(ZLIB_CFLAGS)
tests_tiny_data_LDADD = $(ZLIB_LIBS)
tests_httpd_SOURCES = tests/httpd.c

# --- what takes long (make check-expensive): see tests/RELIABILITY.md
expensive_tests = \
	tests/expensive/fetch.test \
	tests/expensive/alloc.test \
	tests/expensive/syscalls.test \
	tests/expensive/long.test \
	tests/expensive/valgrind.test \
	tests/expensive/locales.test \
	tests/expensive/kills.test \
	tests/expensive/resume.test
EXTRA_DIST += $(expensive_tests) tests/RELIABILITY.md
.PHONY: check-expensive
check-expensive:
	FMNN_ALL_POINTS=$${FMNN_ALL_POINTS-yes} $(MAKE) $(AM_MAKEFLAGS) check TESTS='$(expensive_tests)'

# Programs in trouble (tests/faults.sh): what runs them, and what refuses them memory.
check_PROGRAMS += tests/faults
tests_faults_SOURCES = tests/faults.c tests/faultlib.h
if HAVE_SHARED
check_LTLIBRARIES += tests/faultlib.la
endif
tests_faultlib_la_SOURCES = tests/faultlib.c tests/faultlib.h
tests_faultlib_la_CFLAGS = $(AM_CFLAGS) -fno-sanitize=all
tests_faultlib_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere
EXTRA_DIST += tests/faults.sh
check_PROGRAMS += tests/leaks
tests_leaks_SOURCES = tests/leaks.c tests/faultlib.h
tests_leaks_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_leaks_LDADD = lib/libfmnn.la $(JANSSON_LIBS)

# What measures prediction in memory for tests/bench/compare.
check_PROGRAMS += tests/bench/predict-rate
tests_bench_predict_rate_SOURCES = tests/bench/predict-rate.c
tests_bench_predict_rate_LDFLAGS = -static
tests_bench_predict_rate_LDADD = lib/libfmnn.la

# The machine's memory, for BENCHMARKS.md; built on demand.
EXTRA_PROGRAMS = tests/bench/memory-bandwidth tests/bench/weights-seen
tests_bench_memory_bandwidth_SOURCES = tests/bench/memory-bandwidth.c
tests_bench_memory_bandwidth_CPPFLAGS = $(internal_cppflags)
tests_bench_memory_bandwidth_LDFLAGS = -static
tests_bench_memory_bandwidth_LDADD = lib/libfmnn.la
CLEANFILES += tests/bench/memory-bandwidth tests/bench/weights-seen

# What fmnn reads in generated weight files, for tests/bench/weights-oracle; likewise.
tests_bench_weights_seen_SOURCES = tests/bench/weights-seen.c
tests_bench_weights_seen_CPPFLAGS = $(internal_cppflags) $(XXHASH_CFLAGS)
tests_bench_weights_seen_LDFLAGS = -static
tests_bench_weights_seen_LDADD = lib/libfmnn.la $(JANSSON_LIBS) $(XXHASH_LIBS)

# --- fuzzing: tests/fuzz/run drives the targets with libFuzzer (make fuzz: a minute of each); make check
# replays their seeds, and mutants of these, so that they keep working.
fuzz_wrap_files = -Wl,--wrap=open,--wrap=close,--wrap=read,--wrap=pread,--wrap=lseek,--wrap=fstat,--wrap=poll,--wrap=fopen,--wrap=__read_chk,--wrap=__pread_chk,--wrap=__open_2
fuzz_wrap_programs = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free,--wrap=aligned_alloc,--wrap=exit
replays = tests/fuzz/replay_weights tests/fuzz/replay_idx tests/fuzz/replay_gzip tests/fuzz/replay_png \
	tests/fuzz/replay_tables tests/fuzz/replay_models
check_PROGRAMS += $(replays)
TESTS += $(replays)
replay_cppflags = $(internal_cppflags) -I$(top_srcdir)/src $(ZLIB_CFLAGS) $(PNG_CFLAGS) $(XXHASH_CFLAGS)
replay_ldflags = -static $(fuzz_wrap_files)
replay_ldadd = lib/libfmnn.la $(ZLIB_LIBS) $(PNG_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS)
replay_sources = tests/fuzz/replay.c tests/fuzz/memory-file.c tests/fuzz/seeds.c tests/fuzz/fuzz.h tests/fuzz/trainer.h
tests_fuzz_replay_weights_SOURCES = tests/fuzz/fuzz_weights.c $(replay_sources)
tests_fuzz_replay_weights_CPPFLAGS = $(replay_cppflags) -DTARGET='"weights"'
tests_fuzz_replay_weights_LDFLAGS = $(replay_ldflags)
tests_fuzz_replay_weights_LDADD = $(replay_ldadd)
tests_fuzz_replay_idx_SOURCES = tests/fuzz/fuzz_idx.c $(replay_sources) tests/fuzz/idx-mutator.h
tests_fuzz_replay_idx_CPPFLAGS = $(replay_cppflags) -DTARGET='"idx"'
tests_fuzz_replay_idx_LDFLAGS = $(replay_ldflags)
tests_fuzz_replay_idx_LDADD = $(replay_ldadd)
tests_fuzz_replay_gzip_SOURCES = tests/fuzz/fuzz_gzip.c $(replay_sources) tests/fuzz/idx-mutator.h
tests_fuzz_replay_gzip_CPPFLAGS = $(replay_cppflags) -DTARGET='"gzip"'
tests_fuzz_replay_gzip_LDFLAGS = $(replay_ldflags)
tests_fuzz_replay_gzip_LDADD = $(replay_ldadd)
tests_fuzz_replay_png_SOURCES = tests/fuzz/fuzz_png.c $(replay_sources)
tests_fuzz_replay_png_CPPFLAGS = $(replay_cppflags) -DTARGET='"png"'
tests_fuzz_replay_png_LDFLAGS = $(replay_ldflags)
tests_fuzz_replay_png_LDADD = $(replay_ldadd)
tests_fuzz_replay_tables_SOURCES = tests/fuzz/fuzz_tables.c $(replay_sources) tests/fuzz/program.c tests/fuzz/program.h \
	src/confusion/compare.c src/plot/gnuplot.c src/plot/plot-text.c \
	src/plot/plot-confusion.c src/plot/plot-history.c src/plot/plot-reliability.c
tests_fuzz_replay_tables_CPPFLAGS = $(replay_cppflags) -DTARGET='"tables"'
tests_fuzz_replay_tables_LDFLAGS = $(replay_ldflags) $(fuzz_wrap_programs)
tests_fuzz_replay_tables_LDADD = src/libcommon.a $(replay_ldadd)
tests_fuzz_replay_models_SOURCES = tests/fuzz/fuzz_models.c $(replay_sources)
tests_fuzz_replay_models_CPPFLAGS = $(replay_cppflags) -DTARGET='"models"'
tests_fuzz_replay_models_LDFLAGS = $(replay_ldflags)
tests_fuzz_replay_models_LDADD = $(replay_ldadd)
EXTRA_DIST += tests/fuzz/run tests/fuzz/write-seeds.c tests/fuzz/weights.dict
.PHONY: fuzz
fuzz:
	$(top_srcdir)/tests/fuzz/run 60

# --- by hand: comparisons with others (tests/bench)
EXTRA_DIST += tests/bench/README tests/bench/venv tests/bench/bench.py tests/bench/confusion-oracle.py \
	tests/bench/significance-oracle.py tests/bench/weights-oracle \
	tests/bench/common.py tests/bench/five-seeds tests/bench/pytorch-gradients tests/bench/pytorch-weights \
	tests/bench/compare tests/bench/compare-pytorch tests/bench/compare-keras tests/bench/pytorch-predict \
	tests/bench/BENCHMARKS.md \
	tests/bench/bits tests/bench/neon tests/bench/races tests/bench/turns \
	tests/bench/coverage tests/bench/mutants tests/bench/readers.sh \
	tests/bench/alone.sh tests/bench/alone.c
