# shellcheck shell=sh
# faults.sh -- shared by the scripts that run programs with faults (tests/faults); after lib.sh.
# A point is a place where a fault can be injected. With FMNN_ALL_POINTS=yes all points are tried, not only some.

faults=$builddir/tests/faults
library=$builddir/tests/.libs/faultlib.so
points=0

# Without libtool's wrapper scripts: a fault must not hit their shells.
real=$PATH
[ ! -d "$builddir/tests/.libs" ] || real=$builddir/tests/.libs:$real
HOME=$TMP/nobody
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
export HOME

without() { # WHY: skips everything
    skip "programs with faults" "$1"
    finish
}
case ${FM_CFLAGS-} in *-fsanitize*) without "sanitizers replace the allocator" ;; esac
[ -f "$library" ] || without "faultlib needs shared libraries"
"$faults" 2>/dev/null </dev/null
[ $? -eq 77 ] && without "faults supports only Linux on x86-64"
"$faults" eio -l "$library" -- cat /dev/null >said 2>&1
[ $? -eq 77 ] && without "ptrace is not permitted here"
rm -rf box counts stdout stderr

# The library alone, with a failure at each of its allocations: it returns an error and frees its memory.
leaks() {
    cp w data/weights && cp a.png data/image.png && cp table data/table || exit 99
    (
        PATH=$real LD_PRELOAD=$library LD_LIBRARY_PATH=$builddir/lib/.libs
        export LD_PRELOAD
        exec leaks data
    ) >said 2>&1
    status=$?
    cat said
    ok "$status" "the library frees its memory when an allocation fails"
}

# try MAXIMUM NAME [OPTION]... -- COMMAND...: one TAP line for each of $kinds; at most MAXIMUM points
try() {
    max=$1 name=$2
    shift 2
    [ "${FMNN_ALL_POINTS-}" = yes ] && max=0
    for kind in $kinds; do
        PATH=$real "$faults" "$kind" -n "$max" -l "$library" "$@" >said 2>&1
        status=$?
        cat said
        tried=$(sed -n 's/^# [a-z-]*: \([0-9]*\) of .*/\1/p' said)
        points=$((points + ${tried:-0}))
        [ "$status" -eq 0 ] || sed 's/^/# /' stderr
        ok "$status" "$name: $kind"
    done
}

model='dense 4 relu | dense classes'
net() { fm-train -q -j 1 -b 4 -m "$model" "$@" </dev/null; }

prepare() {
    mkdir data fetched
    "$builddir/tests/mkidx" data 24 6 3 6 6 && "$builddir/tests/tiny-data" 1 fetched || exit 99
    printf 'coat\nbag\nboot\n' >data/classes.txt
    fm-split -d data --valid 6 >table || exit 99
    echo 'conv 2 3x3 relu | avgpool 2 | dense classes' >conv.txt
    "$builddir/tests/mkpng" data/train-images-idx3-ubyte 0 gray >a.png || exit 99
    "$builddir/tests/mkpng" data/train-images-idx3-ubyte 1 rgb >b.png || exit 99
    net -e 2 -o w --history h table && net -e 1 -o w1 --history h1 --checkpoint ck1 table || exit 99
    net -e 1 -o c -m 'conv 2 3x3 relu | avgpool 2 | dense classes' --history hc table || exit 99
    fm-predict -p w table >pred && fm-predict -p w1 table >pred1 || exit 99
    fm-confusion --format tsv pred >counts.tsv || exit 99
}

fetching_commands() {
    try "$1" "fetch --from" -o train-images-idx3-ubyte.gz -o train-labels-idx1-ubyte.gz \
        -o t10k-images-idx3-ubyte.gz -o t10k-labels-idx1-ubyte.gz -f classes.txt \
        -- fm-fetch-tiny -q --from fetched -d box
    try "$1" "fetch from file://" -o train-images-idx3-ubyte.gz -o train-labels-idx1-ubyte.gz \
        -o t10k-images-idx3-ubyte.gz -o t10k-labels-idx1-ubyte.gz -f classes.txt \
        -- fm-fetch-tiny -q --retries 0 --mirror "file://$TMP/fetched" -d box
}

# all_commands MAXIMUM: every program in its usual uses
all_commands() {
    try "$1" "train" -o w -g h -- fm-train -q -j1 -b 4 -e 2 -m "$model" -o box/w --history box/h table
    try "$1" "train with checkpoints" -o w -g h -c ck -- \
        fm-train -q -j1 -b 4 -e 2 -m "$model" -o box/w --history box/h --checkpoint box/ck table
    try "$1" "resume" -o w -g h -c ck -s ck=ck1 -- fm-train -q -j1 -b 4 -e 2 -m "$model" -o box/w \
        --history box/h --checkpoint box/ck --resume box/ck table
    try "$1" "train a convolution from a model file" -o w -i table -- \
        fm-train -q -j1 -b 8 -e 1 -m ./conv.txt -o box/w
    try "$1" "initial weights" -o w -- fm-train -q -e 0 -o box/w table
    try "$1" "summary" -- fm-train -m cnn --summary
    try "$1" "predict" -i table -- fm-predict -j1 w
    try "$1" "predict, probabilities" -- fm-predict -j1 -p -b 2 --only test c table
    try "$1" "predict PNGs" -- fm-predict -j1 w a.png b.png
    try "$1" "split" -- fm-split -d data --valid 6
    try "$1" "split, shuffled and stratified" -- fm-split -d data --folds 3 --fold 2 --shuffle --stratify
    try "$1" "confusion" -i pred -- fm-confusion
    try "$1" "confusion as TSV" -- fm-confusion --format tsv pred
    for format in text json numpy markdown; do
        try "$1" "confusion, report as $format" -- \
            fm-confusion --report --pairs 3 --classes w --format "$format" pred
    done
    try "$1" "confusion, an accuracy that is not reached" -- fm-confusion --min-accuracy 1 pred
    try "$1" "confusion, two compared" -- fm-confusion --against pred1 pred
    try "$1" "confusion, list" -- fm-confusion --against pred1 --list first pred
    try "$1" "plot history as text" -o p.txt -- fm-plot history -o box/p.txt h h1
    try "$1" "plot confusion as text" -- fm-plot confusion -f txt counts.tsv
    try "$1" "plot images as text" -- fm-plot images -f txt --limit 4 pred
    try "$1" "plot reliability as text" -- fm-plot reliability -f txt pred pred1
    try "$1" "plot filters as text" -- fm-plot filters -f txt c
    try "$1" "plot a program" -- fm-plot images --script -f png --limit 4 pred
    fetching_commands "$1"
    try "$1" "fetch --check" -- fm-fetch-tiny --check -d fetched
}

# The commands that run gnuplot, which are slow.
drawing_commands() {
    command -v gnuplot >gnuplot.path || {
        skip "plots" "gnuplot is not installed"
        return
    }
    try "$1" "plot history as PNG" -o p.png -- fm-plot history -o box/p.png h
    try "$1" "plot history as PDF" -o p.pdf -- fm-plot history -o box/p.pdf h
    try "$1" "plot images as PNG" -o p.png -- fm-plot images --limit 2 -o box/p.png pred
}

# The commands that write files, and the commands that are run after a kill.
saving_commands() {
    try "$1" "train" -o w -o h -- fm-train -q -j1 -b 4 -e 2 -m "$model" -o box/w --history box/h table
    try "$1" "train with checkpoints" -o w -o h -c ck -- \
        fm-train -q -j1 -b 4 -e 2 -m "$model" -o box/w --history box/h --checkpoint box/ck table
    # shellcheck disable=SC2016 # for the shell that tests/faults starts
    try "$1" "train, killed and resumed" -o w -o h -c ck -a '
        [ "$(wc -c <box/ck)" -gt 100 ] 2>/dev/null && set -- --resume box/ck
        fm-train -q -j1 -b 4 -e 2 -m "dense 4 relu | dense classes" -o box/w --history box/h \
            --checkpoint box/ck "$@" table' -- \
        fm-train -q -j1 -b 4 -e 2 -m "$model" -o box/w --history box/h --checkpoint box/ck table
    try "$1" "plot" -o p.txt -- fm-plot history -o box/p.txt h h1
    fetching_commands "$1"
}
