# shellcheck shell=sh
# lib.sh -- shared by the TAP scripts, each of which starts with ". $srcdir/tests/lib.sh".
# A script runs in its own scratch directory, $TMP; programs are found on PATH.

set -u
TMP=$(mktemp -d "${TMPDIR:-/tmp}/fmnn-test.XXXXXX") || exit 99
trap 'rm -rf "$TMP"' EXIT
trap 'exit 99' HUP INT TERM
cd "$TMP" || exit 99

# Programs of a build tree are libtool's wrappers: scripts, which take six times as long to start, and need more of the
# environment. The programs lie in .libs, and need the path of the library.
programs_dir=$(command -v fm-train)
programs_dir=${programs_dir%/*}
if [ -x "$programs_dir/.libs/fm-train" ]; then
    programs_dir=$programs_dir/.libs
    PATH=$programs_dir:$PATH
    LD_LIBRARY_PATH=$builddir/lib/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    export PATH LD_LIBRARY_PATH
fi

count=0
failed=0

# ok STATUS NAME: one TAP line
ok() {
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $count - $2"
    else
        failed=$((failed + 1))
        echo "not ok $count - $2"
        for file in out err; do
            [ -s "$TMP/$file" ] && sed "s/^/# $file: /" "$TMP/$file" | head -20
        done
    fi
    return 0
}

# heeded SIGNAL: whether the signal ends a process that does not handle it; nohup, for example, makes us ignore HUP
# shellcheck disable=SC2016
heeded() { ! { sh -c 'kill -"$1" $$' sh "$1"; } 2>/dev/null; }

skip() { # NAME WHY
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

# is NAME GOT WANTED: the two strings are equal
is() {
    if [ "$2" = "$3" ]; then ok 0 "$1"; else
        ok 1 "$1"
        printf '%s\n' "$2" | sed 's/^/#    got: /'
        printf '%s\n' "$3" | sed 's/^/# wanted: /'
    fi
}

# same NAME FILE FILE: the two files are equal
same() {
    if cmp -s "$2" "$3"; then ok 0 "$1"; else
        ok 1 "$1"
        diff "$2" "$3" | head -20 | sed 's/^/# /'
    fi
}

# run STATUS NAME COMMAND...: the command's exit status is STATUS; its output is left in out and err
run() {
    wanted=$1 name=$2
    shift 2
    "$@" >"$TMP/out" 2>"$TMP/err" </dev/null
    got=$?
    [ $got -eq "$wanted" ] || echo "# exit status $got, wanted $wanted: $*"
    [ $got -eq "$wanted" ]
    ok $? "$name"
}

# fails NAME TEXT COMMAND...: exit status 2, nothing on standard output, and one line on standard error that contains
# TEXT (a "Try 'x --help'." line may follow). A program that gives up frees nothing, so sanitizers must not report
# leaks.
fails() {
    name=$1 text=$2
    shift 2
    ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" \
        "$@" >"$TMP/out" 2>"$TMP/err" </dev/null
    got=$?
    lines=$(grep -vc "^Try '" "$TMP/err")
    [ $got -eq 2 ] && [ ! -s "$TMP/out" ] && [ "$lines" -eq 1 ] && grep -qF -e "$text" "$TMP/err"
    status=$?
    [ $status -eq 0 ] || echo "# exit status $got, $lines lines of message; wanted 2, 1 and: $text"
    ok $status "$name"
}

# Prints the name of a locale with a decimal comma, if there is one (LOCPATH can name a directory with more).
comma_locale() {
    for candidate in de_DE fr_FR es_ES nl_NL it_IT pt_BR ru_RU; do
        [ "$(LC_ALL=$candidate.UTF-8 locale decimal_point 2>/dev/null)" = , ] || continue
        echo "$candidate.UTF-8"
        break
    done
}

# contract PROGRAM: the options and messages that all programs have in common
contract() {
    run 0 "--help" "$1" --help
    grep -q "^Usage: $1 " out && [ "$(awk 'length > 80' out | wc -l)" -eq 0 ]
    ok $? "--help prints the usage, within 80 columns"
    run 0 "--version" "$1" --version
    grep -q "^$1 (fmnn) " out; ok $? "--version prints name and version"
    fails "an unknown option: the message suggests the nearest" "did you mean '--version'?" "$1" --versoin
    fails "an unknown option letter" "unknown option '-\`'" "$1" '-`'
    fails "a colon is not an option" "unknown option '-:'" "$1" -:
}

finish() {
    echo "1..$count"
    [ $failed -eq 0 ]
    exit
}
