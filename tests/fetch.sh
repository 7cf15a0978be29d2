# shellcheck shell=sh
# fetch.sh -- what the scripts that test fm-fetch share, after lib.sh: small data sets, a server of faults
# (httpd.c), and a loop over a table of faults. fm-fetch-tiny is fm-fetch with the sets of tiny-sources.c.

tiny=$builddir/tests/fm-fetch-tiny
HOME=$TMP/home
export HOME
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY no_proxy NO_PROXY \
    CURL_CA_BUNDLE SSL_CERT_FILE

mkdir good other old digits good-plain got
"$builddir/tests/tiny-data" 1 good && "$builddir/tests/tiny-data" 1 good-plain plain &&
    "$builddir/tests/tiny-data" 2 other && "$builddir/tests/tiny-data" 3 old &&
    "$builddir/tests/tiny-data" 4 digits || exit 99

"$builddir/tests/httpd" "$TMP" "$TMP/log" >port & servers=$!
trap 'kill $servers; rm -rf "$TMP"' EXIT
while [ ! -s port ]; do sleep 0.05; done
address=127.0.0.1:$(cat port)
site=http://$address
: >log

images=train-images-idx3-ubyte
labels=train-labels-idx1-ubyte

paths() { # DIR [SUFFIX]: what is printed
    for name in $images $labels t10k-images-idx3-ubyte t10k-labels-idx1-ubyte; do
        echo "$1/$name${2-.gz}"
    done
}

# What a directory holds in the end: the files as they were served, class names, and nothing else.
cp -R good wanted
printf 'one\ntwo\nthree\n' >wanted/classes.txt

# whole NAME DIR
whole() {
    diff -r wanted "$2" >differences 2>&1
    ok $? "$1"
}

requests() { # FAULT [NAME]
    awk -v fault="$1" -v name="${2-$images.gz}" '$1 == fault && $2 == name { n++ } END { print n + 0 }' log
}

# bounded SECONDS COMMAND...: exit status 124 or 137 where it takes longer
bounded() {
    if command -v timeout >/dev/null; then
        timeout -k 1 "$@"
    else
        shift
        "$@"
    fi
}

# --- a table of faults

# try MODE FAULT SECONDS [OPTION]...: one fetch into got/MODE+FAULT. "resume": a first request breaks off, and the
# fault is met on asking for the rest.
try() {
    mode=$1 fault=$2 bound=$3
    at=got/$mode+$fault
    shift 3
    case $mode in
    resume) url=$site/resume+$fault tries=2 ;;
    *) url=$site/$fault tries=1 ;;
    esac
    ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" bounded "$bound" \
        "$tiny" --timeout 1 --retries $tries --retry-delay 0.01 -d "$at" --mirror "$url" "$@" \
        >"$at.out" 2>"$at.err" </dev/null
    echo $? >"$at.status"
}

# judge MODE FAULT REQUESTS TEXT: "-" for a TEXT: it comes in spite of the fault, without a word. Else: exit status
# 2, one message with TEXT in it, and nothing is left. In both cases with so many requests, one more on resuming.
judge() {
    mode=$1 fault=$2 wanted=$3 text=$4 wrong=
    at=got/$mode+$fault url=$fault
    [ "$mode" = fresh ] || url=resume+$fault wanted=$((wanted + 1))
    status=$(cat "$at.status")
    if [ "$text" = - ]; then
        [ "$status" -eq 0 ] || wrong="exit status $status"
        [ "$(cat "$at.out")" = "$(paths "$at")" ] || wrong="$wrong; paths"
        [ ! -s "$at.err" ] || wrong="$wrong; a message"
        diff -r wanted "$at" >"$at.diff" 2>&1 || wrong="$wrong; files"
    else
        [ "$status" -eq 2 ] || wrong="exit status $status"
        [ ! -s "$at.out" ] || wrong="$wrong; output"
        [ "$(grep -c '^fm-fetch: ' "$at.err") $(wc -l <"$at.err")" = '1 1' ] &&
            grep -qF -e "$text" "$at.err" || wrong="$wrong; message"
        [ ! -e "$at" ] || wrong="$wrong; something is left"
    fi
    [ "$(requests "$url")" -eq "$wanted" ] || wrong="$wrong; $(requests "$url") requests, not $wanted"
    [ -z "$wrong" ]
    ok $? "$mode: $fault: $text"
    [ -z "$wrong" ] || { echo "# $wrong"; sed 's/^/# /' "$at.err"; }
}

# faults: the table on standard input, "FAULT MODES REQUESTS SECONDS TEXT": MODES f, r or fr, for fresh and on
# resuming; six at a time
faults() {
    cat >table
    running=0 jobs=
    while read -r fault modes _ seconds _; do
        for mode in fresh resume; do
            case $mode$modes in freshr | resumef) continue ;; esac
            try $mode "$fault" "$seconds" &
            jobs="$jobs $!" running=$((running + 1))
            # shellcheck disable=SC2086 # numbers of processes
            [ $running -lt 6 ] || { wait $jobs; running=0 jobs=; }
        done
    done <table
    # shellcheck disable=SC2086
    [ -z "$jobs" ] || wait $jobs
    while read -r fault modes wanted seconds text; do
        for mode in fresh resume; do
            case $mode$modes in freshr | resumef) continue ;; esac
            judge $mode "$fault" "$wanted" "$text"
        done
    done <table
}
