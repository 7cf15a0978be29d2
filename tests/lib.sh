# shellcheck shell=sh
# lib.sh -- the little that the TAP scripts share; each starts with ". $srcdir/tests/lib.sh".
# A script runs in a scratch directory of its own, $TMP; programs are found on PATH.

set -u
TMP=$(mktemp -d "${TMPDIR:-/tmp}/fmnn-test.XXXXXX") || exit 99
trap 'rm -rf "$TMP"' EXIT
trap 'exit 99' HUP INT TERM
cd "$TMP" || exit 99

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

# Whether a signal ends who does not care: what started us, nohup for one, may have it ignored.
# shellcheck disable=SC2016
heeded() { ! { sh -c 'kill -"$1" $$' sh "$1"; } 2>/dev/null; }

skip() { # NAME WHY
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

# is NAME GOT WANTED: two strings
is() {
    if [ "$2" = "$3" ]; then ok 0 "$1"; else
        ok 1 "$1"
        printf '%s\n' "$2" | sed 's/^/#    got: /'
        printf '%s\n' "$3" | sed 's/^/# wanted: /'
    fi
}

# same NAME FILE FILE
same() {
    if cmp -s "$2" "$3"; then ok 0 "$1"; else
        ok 1 "$1"
        diff "$2" "$3" | head -20 | sed 's/^/# /'
    fi
}

# run STATUS NAME COMMAND...: the command's exit status; its output stays in out and err
run() {
    wanted=$1 name=$2
    shift 2
    "$@" >"$TMP/out" 2>"$TMP/err" </dev/null
    got=$?
    [ $got -eq "$wanted" ] || echo "# exit status $got, wanted $wanted: $*"
    [ $got -eq "$wanted" ]
    ok $? "$name"
}

# fails NAME TEXT COMMAND...: exit 2, nothing on standard output, and one line on standard error that
# contains TEXT (a "Try 'x --help'." line may follow). A program that gives up frees nothing: in a build
# with sanitizers that is not to be told as leaks.
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

# The name of a locale with a decimal comma, if there is one (LOCPATH may name a directory of more).
comma_locale() {
    for candidate in de_DE fr_FR es_ES nl_NL it_IT pt_BR ru_RU; do
        [ "$(LC_ALL=$candidate.UTF-8 locale decimal_point 2>/dev/null)" = , ] || continue
        echo "$candidate.UTF-8"
        break
    done
}

# contract PROGRAM: what every program must do
contract() {
    run 0 "--help" "$1" --help
    grep -q "^Usage: $1 " out && [ "$(awk 'length > 80' out | wc -l)" -eq 0 ]
    ok $? "--help says how to use it, within 80 columns"
    run 0 "--version" "$1" --version
    grep -q "^$1 (fmnn) " out; ok $? "--version says what it is"
    fails "an unknown option is met with the nearest" "did you mean '--version'?" "$1" --versoin
    fails "an unknown letter" "unknown option '-\`'" "$1" '-`'
    fails "a colon is no option" "unknown option '-:'" "$1" -:
}

finish() {
    echo "1..$count"
    [ $failed -eq 0 ]
    exit
}
