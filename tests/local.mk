# The library's tests are Check programs, the programs' tests are shell scripts that write TAP.
TEST_EXTENSIONS = .test
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
TEST_LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
# The programs and presets that the tests run. To test installed ones: make check tested_bindir=/usr/bin tested_models=
tested_bindir = $(abs_top_builddir)/src
tested_models = $(abs_top_srcdir)/lib/models
AM_TESTS_ENVIRONMENT = \
	PATH='$(tested_bindir)':"$$PATH"; export PATH; \
	srcdir='$(abs_top_srcdir)'; export srcdir; builddir='$(abs_top_builddir)'; export builddir; \
	FMNN_MODELS='$(tested_models)'; export FMNN_MODELS; \
	CC='$(CC)'; export CC; OBJDUMP='$(OBJDUMP)'; export OBJDUMP; FM_CFLAGS='$(FM_CFLAGS)'; export FM_CFLAGS; \
	PROGRAM_CPPFLAGS='$(program_cppflags)'; export PROGRAM_CPPFLAGS; \
	LC_ALL=C; export LC_ALL; unset FMNN_DATA FMNN_KERNELS XDG_DATA_HOME;
EXTRA_DIST += build-aux/tap-driver.sh

# --- the library: tests/check_NAME.c needs no more than a word in this list
LOG_COMPILER =
if HAVE_CHECK
check_PROGRAMS += $(library_tests)
TESTS += $(library_tests)
endif
library_tests = tests/check_rng tests/check_idx tests/check_png tests/check_safetensors \
	tests/check_table tests/check_datasets tests/check_images tests/check_formats tests/check_split \
	tests/check_model tests/check_threads tests/check_graph tests/check_layers tests/check_engine \
	tests/check_winograd tests/check_predict tests/check_train tests/check_optim tests/check_augment tests/check_damage tests/check_confusion tests/check_significance tests/check_ranking
if HAVE_WRAP
library_tests += tests/check_faults tests/check_common
endif
EXTRA_DIST += tests/runner.h tests/scratch.h tests/wrapped.h tests/engine.h tests/training.h

# The shared library hides the internals, so the tests link its objects. These are the defaults of all programs that
# set nothing else: everything below tests/.
AM_CPPFLAGS = $(internal_cppflags) -I$(top_srcdir)/tests -I$(top_srcdir)/src $(CHECK_CFLAGS) $(ZLIB_CFLAGS) \
	$(PNG_CFLAGS) $(JPEG_CFLAGS) $(WEBP_CFLAGS) $(JANSSON_CFLAGS) $(XXHASH_CFLAGS) $(MD_CFLAGS)
LDADD = tests/libinternals.la $(CHECK_LIBS)
check_LTLIBRARIES += tests/libinternals.la
tests_libinternals_la_SOURCES =
tests_libinternals_la_LIBADD = $(lib_libfmnn_la_OBJECTS) $(lib_libfmnn_la_LIBADD)

# The calls that can fail go through the test, which makes them fail. Where off_t or time_t is made wider, calls have
# other names: tests/wrapped.h.
tests_check_faults_LDFLAGS = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc \
	-Wl,--wrap=aligned_alloc,--wrap=inflateInit2_,--wrap=inflateReset,--wrap=inflate \
	-Wl,--wrap=json_object,--wrap=json_array,--wrap=json_integer,--wrap=json_string,--wrap=json_dumpb \
	-Wl,--wrap=json_object_set_new,--wrap=json_array_append_new,--wrap=XXH3_createState \
	-Wl,--wrap=png_create_info_struct,--wrap=fstat,--wrap=lseek,--wrap=read,--wrap=pread,--wrap=open \
	-Wl,--wrap=fstat64,--wrap=__fstat64_time64,--wrap=lseek64,--wrap=pread64,--wrap=open64 \
	-Wl,--wrap=fread,--wrap=fwrite,--wrap=ferror
# The same for src/common; and how fm-fetch verifies files, with the small data sets.
tests_check_common_SOURCES = tests/check_common.c src/fetch/fetch-verify.c tests/tiny-sources.c
tests_check_common_LDFLAGS = -Wl,--wrap=malloc,--wrap=calloc,--wrap=fstat,--wrap=isatty \
	-Wl,--wrap=inflateInit2_,--wrap=inflate,--wrap=pread,--wrap=__pread_chk,--wrap=open,--wrap=__open_2,--wrap=_exit,--wrap=read \
	-Wl,--wrap=fstat64,--wrap=__fstat64_time64,--wrap=pread64,--wrap=__pread64_chk,--wrap=open64,--wrap=__open64_2
tests_check_common_LDADD = src/libcommon.a $(LDADD) $(MD_LIBS)

# --- the programs
TESTS += $(program_tests)
program_tests = tests/fm-fetch.test tests/fetch-faults.test tests/fm-split.test tests/fm-train.test \
	tests/fm-predict.test tests/fm-confusion.test tests/fm-plot.test tests/golden.test tests/embed.test \
	tests/colour.test tests/import.test tests/fetch-from.test \
	tests/pages.test tests/pipeline.test tests/search.test tests/models.test tests/notebook.test tests/ladder.test tests/label-issues.test tests/anydata.test \
	tests/streams.test tests/photos.test tests/tables.test tests/environment.test tests/corpus.test tests/faults.test
# The architecture: which room includes which, and what the library shows. The usage texts of the scripts.
program_tests += tests/completion.test tests/prefetch.test tests/rooms.test tests/wall.test tests/help.test
EXTRA_DIST += tests/complete.zsh tests/rooms.txt tests/expected/symbols.txt
.PHONY: update-symbols
update-symbols: lib/libfmnn.la
	$(AM_TESTS_ENVIRONMENT) $(srcdir)/tests/wall.test --print >tests/symbols.new
	mv tests/symbols.new $(srcdir)/tests/expected/symbols.txt
	if test -e $(srcdir)/debian/libfmnn0.symbols; then \
	  version=`sed -n 's/^\(FMNN_[0-9]*\) {$$/\1/p' $(srcdir)/lib/fmnn.map`; \
	  (sed '/^ fmnn_/d' $(srcdir)/debian/libfmnn0.symbols && \
	    awk -v version=$$version 'NR == FNR { if (/^ /) { split($$1, name, "@"); old[name[1]] = $$0 }; next } \
	      { print $$1 in old ? old[$$1] : " " $$1 "@" version " $(VERSION)" }' \
	      $(srcdir)/debian/libfmnn0.symbols $(srcdir)/tests/expected/symbols.txt) \
	    >tests/symbols.new && mv tests/symbols.new $(srcdir)/debian/libfmnn0.symbols; fi
EXTRA_DIST += $(program_tests) tests/lib.sh tests/fetch.sh tests/expected/golden.sha256 \
	tests/expected/confusion-fashion.tsv tests/expected/confusion-fashion.txt \
	tests/expected/confusion-small.tsv tests/expected/confusion-small.txt \
	tests/expected/confusion-wide.tsv tests/expected/confusion-wide.txt \
	tests/expected/significance-first.tsv tests/expected/significance-second.tsv tests/expected/significance.txt \
	tests/expected/label-issues.tsv tests/expected/label-issues.txt

# What is installed: --help and --version of the programs (by automake), a pipeline, a C program.
EXTRA_DIST += tests/installed.test
installcheck-local:
	@$(AM_TESTS_ENVIRONMENT) PATH='$(DESTDIR)$(bindir)':"$$PATH"; unset FMNN_MODELS; \
	  libdir='$(DESTDIR)$(libdir)'; export libdir; exec $(srcdir)/tests/installed.test

# Programs that write data sets, weights and images, and one that measures memory.
check_PROGRAMS += tests/mkidx tests/mkforms tests/mknet tests/mkpng tests/peak-memory
tests_mkidx_LDADD = $(ZLIB_LIBS)
tests_mkforms_LDADD = $(ZLIB_LIBS)
tests_mknet_LDADD = lib/libfmnn.la
tests_mkpng_LDADD = lib/libfmnn.la $(PNG_LIBS)
tests_peak_memory_LDADD =

# Valid and invalid files of every kind, and a table of what each of them is.
check_PROGRAMS += tests/corpus/mkcorpus
tests_corpus_mkcorpus_SOURCES = tests/corpus/corpus.h tests/corpus/mkcorpus.c tests/corpus/corpus-weights.c \
	tests/corpus/corpus-idx.c tests/corpus/corpus-png.c tests/corpus/corpus-photos.c tests/corpus/corpus-tables.c
tests_corpus_mkcorpus_LDADD = $(ZLIB_LIBS) $(PNG_LIBS) $(JPEG_LIBS) $(WEBP_LIBS) $(XXHASH_LIBS)

# fm-fetch with small, generated data sets, and a server that misbehaves.
check_PROGRAMS += tests/fm-fetch-tiny tests/tiny-data tests/httpd
tests_fm_fetch_tiny_SOURCES = $(fetch_sources) tests/tiny-sources.c
tests_fm_fetch_tiny_CPPFLAGS = $(fetch_cppflags)
tests_fm_fetch_tiny_LDADD = $(common_ldadd) $(fetch_libs)
tests_tiny_data_LDADD = $(ZLIB_LIBS)
tests_httpd_LDADD =

# --- tests that take long (make check-expensive): see tests/RELIABILITY.md
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

# Programs under memory shortage, failing system calls and kill -9 (tests/faults.sh): what runs them, and the library
# that is preloaded into them.
check_PROGRAMS += tests/faults tests/leaks
tests_faults_LDADD =
tests_leaks_LDADD = lib/libfmnn.la $(JANSSON_LIBS)
if HAVE_SHARED
check_LTLIBRARIES += tests/faultlib.la
endif
tests_faultlib_la_SOURCES = tests/faultlib.c
tests_faultlib_la_CFLAGS = $(AM_CFLAGS) -fno-sanitize=all
tests_faultlib_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere
EXTRA_DIST += tests/faults.sh tests/faultlib.h

# For tests/bench: prediction in memory (compare); built on demand, the machine's memory bandwidth (BENCHMARKS.md) and
# what fmnn reads in generated weight files (weights-oracle).
check_PROGRAMS += tests/bench/predict-rate
tests_bench_predict_rate_LDFLAGS = -static
tests_bench_predict_rate_LDADD = lib/libfmnn.la
EXTRA_PROGRAMS = tests/bench/memory-bandwidth tests/bench/weights-seen
CLEANFILES += tests/bench/memory-bandwidth tests/bench/weights-seen
# What libjpeg-turbo alone needs for photos (photo-rate).
if HAVE_JPEG
EXTRA_PROGRAMS += tests/bench/jpeg-rate
CLEANFILES += tests/bench/jpeg-rate
tests_bench_jpeg_rate_LDADD = $(JPEG_LIBS)
endif

# --- by hand: the packages, examined by Debian's tools
EXTRA_DIST += tests/packaging tests/PACKAGING.md

# --- fuzzing: tests/fuzz/run drives the targets with libFuzzer (make fuzz: a minute of each); make check replays their
# seeds, and mutants of the seeds, so that the targets keep working.
fuzz_wrap_files = -Wl,--wrap=open,--wrap=close,--wrap=read,--wrap=pread,--wrap=lseek,--wrap=fstat,--wrap=poll,--wrap=fopen,--wrap=__read_chk,--wrap=__pread_chk,--wrap=__open_2,--wrap=open64,--wrap=pread64,--wrap=lseek64,--wrap=fstat64,--wrap=__fstat64_time64,--wrap=fopen64,--wrap=__pread64_chk,--wrap=__open64_2
fuzz_wrap_programs = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free,--wrap=aligned_alloc,--wrap=exit
replays = tests/fuzz/replay_weights tests/fuzz/replay_idx tests/fuzz/replay_gzip tests/fuzz/replay_png tests/fuzz/replay_pnm \
	tests/fuzz/replay_models
if CAN_SET_STDERR
replays += tests/fuzz/replay_tables tests/fuzz/replay_imports
endif
if HAVE_JPEG
replays += tests/fuzz/replay_jpeg
endif
if HAVE_WEBP
replays += tests/fuzz/replay_webp
endif
check_PROGRAMS += $(replays)
TESTS += $(replays)
replay_sources = tests/fuzz/replay.c tests/fuzz/memory-file.c tests/fuzz/seeds.c
tests_fuzz_replay_weights_SOURCES = tests/fuzz/fuzz_weights.c $(replay_sources)
tests_fuzz_replay_idx_SOURCES = tests/fuzz/fuzz_idx.c $(replay_sources)
tests_fuzz_replay_gzip_SOURCES = tests/fuzz/fuzz_gzip.c $(replay_sources)
tests_fuzz_replay_png_SOURCES = tests/fuzz/fuzz_png.c $(replay_sources)
tests_fuzz_replay_jpeg_SOURCES = tests/fuzz/image-target.h tests/fuzz/fuzz_jpeg.c $(replay_sources)
tests_fuzz_replay_webp_SOURCES = tests/fuzz/image-target.h tests/fuzz/fuzz_webp.c $(replay_sources)
tests_fuzz_replay_pnm_SOURCES = tests/fuzz/image-target.h tests/fuzz/fuzz_pnm.c $(replay_sources)
tests_fuzz_replay_models_SOURCES = tests/fuzz/fuzz_models.c $(replay_sources)
tests_fuzz_replay_tables_SOURCES = tests/fuzz/fuzz_tables.c $(replay_sources) tests/fuzz/program.c \
	src/confusion/compare.c src/confusion/issues.c src/split/split-rows.c src/split/split-table.c \
	src/plot/gnuplot.c src/plot/plot-text.c src/plot/plot-predictions.c \
	src/plot/plot-confusion.c src/plot/plot-history.c src/plot/plot-reliability.c src/plot/plot-roc.c
tests_fuzz_replay_imports_SOURCES = tests/fuzz/fuzz_imports.c $(replay_sources) tests/fuzz/program.c \
	src/fetch/import-csv.c src/fetch/import-cifar.c src/fetch/import-idx.c src/fetch/import-names.c
tests_fuzz_replay_weights_LDFLAGS = $(fuzz_wrap_files)
tests_fuzz_replay_idx_LDFLAGS = $(fuzz_wrap_files)
tests_fuzz_replay_gzip_LDFLAGS = $(fuzz_wrap_files)
tests_fuzz_replay_png_LDFLAGS = $(fuzz_wrap_files)
tests_fuzz_replay_jpeg_LDFLAGS = $(fuzz_wrap_files)
tests_fuzz_replay_webp_LDFLAGS = $(fuzz_wrap_files)
tests_fuzz_replay_pnm_LDFLAGS = $(fuzz_wrap_files)
tests_fuzz_replay_models_LDFLAGS = $(fuzz_wrap_files)
tests_fuzz_replay_tables_LDFLAGS = $(fuzz_wrap_files) $(fuzz_wrap_programs)
tests_fuzz_replay_imports_LDFLAGS = $(fuzz_wrap_files) $(fuzz_wrap_programs)
tests_fuzz_replay_imports_LDADD = src/libcommon.a $(LDADD)
tests_fuzz_replay_tables_LDADD = src/libcommon.a $(LDADD)
EXTRA_DIST += tests/fuzz/fuzz.h tests/fuzz/trainer.h tests/fuzz/idx-mutator.h tests/fuzz/program.h
EXTRA_DIST += tests/fuzz/run tests/fuzz/write-seeds.c tests/fuzz/weights.dict
.PHONY: fuzz
fuzz:
	$(top_srcdir)/tests/fuzz/run 60

# --- by hand: other machines, and the packages of rpm
EXTRA_DIST += tests/ports rpm/fmnn.spec rpm/fmnn.rpmlintrc

# --- by hand: comparisons with others (tests/bench)
EXTRA_DIST += tests/bench/README tests/bench/venv tests/bench/bench.py tests/bench/confusion-oracle.py \
	tests/bench/significance-oracle.py tests/bench/sklearn-metrics tests/bench/cleanlab-issues tests/bench/weights-oracle \
	tests/bench/common.py tests/bench/rounds.py tests/bench/five-seeds tests/bench/small-sets tests/bench/pillow-images tests/bench/photo-rate tests/bench/pytorch-augment tests/bench/pytorch-gradients tests/bench/pytorch-optimizers tests/bench/pytorch-weights \
	tests/bench/compare tests/bench/compare-pytorch tests/bench/compare-keras tests/bench/pytorch-predict \
	tests/bench/BENCHMARKS.md \
	tests/bench/bits tests/bench/codegen tests/bench/neon tests/bench/races tests/bench/turns \
	tests/bench/coverage tests/bench/mutants tests/bench/readers.sh \
	tests/bench/alone.sh tests/bench/alone.c
