# shellcheck shell=sh
# fetch.sh -- shared by the tests of fm-fetch, after lib.sh: small data sets, a server that misbehaves (httpd.c), and
# a loop over a table of faults. fm-fetch-tiny is fm-fetch with the data sets of tiny-sources.c.

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

paths() { # DIR [SUFFIX]: the output of fm-fetch
    for name in $images $labels t10k-images-idx3-ubyte t10k-labels-idx1-ubyte; do
        echo "$1/$name${2-.gz}"
    done
}

# The contents of a fetched directory: the files as they were served, class names, and nothing else.
cp -R good wanted
printf 'one\ntwo\nthree\n' >wanted/classes.txt

# whole NAME DIR: the directory has these contents
whole() {
    diff -r wanted "$2" >differences 2>&1
    ok $? "$1"
}

requests() { # FAULT [NAME]
    awk -v fault="$1" -v name="${2-$images.gz}" '$1 == fault && $2 == name { n++ } END { print n + 0 }' log
}

# bounded SECONDS COMMAND...: exit status 124 or 137 if it takes longer
bounded() {
    if command -v timeout >/dev/null; then
        timeout -k 1 "$@"
    else
        shift
        "$@"
    fi
}

# --- a table of faults

# try MODE FAULT SECONDS [OPTION]...: one fetch into got/MODE+FAULT. In the mode "resume" the first request breaks off,
# and the request for the rest meets the fault.
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

# verify MODE FAULT REQUESTS TEXT: if TEXT is "-", the fetch succeeded in spite of the fault, without a message.
# Otherwise the exit status is 2, there is one message that contains TEXT, and no file is left. In both cases there were
# this number of requests, and one more in the mode "resume". TEXT is one of several with "|" between them, and REQUESTS
# can be a range, 1-2, if versions of libcurl differ.
verify() {
    mode=$1 fault=$2 wanted=$3 text=$4 wrong=
    at=got/$mode+$fault url=$fault
    least=${wanted%-*} most=${wanted#*-}
    [ "$mode" = fresh ] || url=resume+$fault least=$((least + 1)) most=$((most + 1))
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
            grep -qF -e "$(printf %s "$text" | tr '|' '\n')" "$at.err" || wrong="$wrong; message"
        [ ! -e "$at" ] || wrong="$wrong; files are left"
    fi
    asked=$(requests "$url")
    { [ "$asked" -ge "$least" ] && [ "$asked" -le "$most" ]; } || wrong="$wrong; $asked requests, not $wanted"
    [ -z "$wrong" ]
    ok $? "$mode: $fault: $text"
    [ -z "$wrong" ] || { echo "# $wrong"; sed 's/^/# /' "$at.err"; }
}

# faults: fetches for each line of the table on standard input, "FAULT MODES REQUESTS SECONDS TEXT", six at a time.
# MODES is f (fresh), r (resume) or fr.
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
            verify $mode "$fault" "$wanted" "$text"
        done
    done <table
}
