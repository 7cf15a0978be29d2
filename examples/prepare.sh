# shellcheck shell=sh disable=SC2154
# prepare.sh -- shared by examples/quickstart and tests/run: finds and installs missing packages, chooses a build
# directory, builds. A script sets these variables before it reads this file:
#   program   its name, for messages
#   source    the source directory
#   install   yes or no: whether packages may be installed

say() { printf '%s\n' "$*"; }
step() { printf '\n== %s\n' "$*"; }
complain() { printf '%s: %s\n' "$program" "$*" >&2; }
stop() {
    complain "$@"
    exit 2
}

processors() { getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1; }

# ---- missing packages

# lacking COMMAND DEBIAN FEDORA: if the command fails, adds the packages to the lists
lacking() {
    if eval "$1" >/dev/null 2>&1; then return; fi
    debian="$debian $2"
    fedora="$fedora $3"
}

can_compile() {
    for compiler in "${CC:-gcc}" cc; do
        echo '#include <stdio.h>' | $compiler -E - && return
    done
    return 1
}

# https needs the certificates of the usual authorities; their place differs between systems
has_certificates() {
    for file in "${SSL_CERT_FILE:-}" "${CURL_CA_BUNDLE:-}" /etc/ssl/certs/ca-certificates.crt /etc/ssl/cert.pem \
        /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem; do
        [ ! -s "$file" ] || return 0
    done
    return 1
}

# find_missing --programs|--tests: sets the lists of missing packages, $debian and $fedora
find_missing() {
    debian='' fedora=''
    lacking can_compile 'gcc libc6-dev' gcc
    lacking 'command -v make' make make
    lacking 'command -v pkg-config' pkg-config pkgconf-pkg-config
    if [ ! -e "$source/configure" ]; then
        lacking 'command -v autoreconf' autoconf autoconf
        lacking 'command -v automake' automake automake
        lacking 'command -v libtoolize' libtool libtool
        # shellcheck disable=SC2016 # for eval
        lacking '[ -e "$(aclocal --print-ac-dir)/ax_check_compile_flag.m4" ]' \
            autoconf-archive autoconf-archive
    fi
    lacking has_certificates ca-certificates ca-certificates
    lacking 'pkg-config --exists zlib' zlib1g-dev zlib-devel
    lacking 'pkg-config --exists libpng' libpng-dev libpng-devel
    lacking 'pkg-config --exists libjpeg' libjpeg-dev libjpeg-turbo-devel
    lacking 'pkg-config --exists libwebp' libwebp-dev libwebp-devel
    lacking 'pkg-config --exists "jansson >= 2.10"' libjansson-dev jansson-devel
    lacking 'pkg-config --exists "libxxhash >= 0.8"' libxxhash-dev xxhash-devel
    lacking 'pkg-config --exists "libcurl >= 7.66"' libcurl4-openssl-dev libcurl-devel
    lacking 'pkg-config --exists libmd' libmd-dev libmd-devel
    lacking 'command -v gnuplot' gnuplot-nox gnuplot
    [ "$1" = --tests ] || return 0
    lacking 'pkg-config --exists "check >= 0.11"' check check-devel
    lacking 'command -v xz' xz-utils xz
    lacking 'parallel --version </dev/null | grep "^GNU parallel"' parallel parallel
    lacking 'command -v mandoc' mandoc mandoc
    lacking 'command -v g++ || command -v clang++' g++ gcc-c++
    lacking 'command -v localedef && [ -e /usr/share/i18n/locales/de_DE ]' locales glibc-locale-source
}

# run_apt ARGUMENT...: runs apt-get as root; shows its output only if it fails
run_apt() {
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        as_root=sudo
        [ -t 2 ] || as_root='sudo -n' # without a terminal nobody can type a password
    fi
    log=$(mktemp "${TMPDIR:-/tmp}/fmnn-apt.XXXXXX") || exit 2
    status=0
    # shellcheck disable=SC2086 # two words
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=3 \
        -o Dpkg::Use-Pty=0 "$@" </dev/null >"$log" 2>&1 || status=$?
    [ $status -eq 0 ] || tail -20 "$log" >&2
    rm -f "$log"
    return $status
}

has_apt() {
    command -v apt-get >/dev/null && { [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null; }
}

apt_updated=no
apt_update() {
    [ $apt_updated = no ] || return 0
    run_apt update || complain "'apt-get update' failed; continuing with the package lists on this machine"
    apt_updated=yes
}

name_missing() {
    complain 'some packages are missing:'
    complain "  Debian, Ubuntu:  apt-get install$debian"
    complain "  Fedora:          dnf install$fedora"
    complain "  other systems:   the equivalents; see 'Installation' in README"
}

# install_missing --programs|--tests: installs missing packages, or names them and stops. Certificates alone are no
# reason to stop: without them everything works but https, which the tests need.
install_missing() {
    step 'Checking for missing packages'
    find_missing "$1"
    if [ -n "$debian" ] && [ "$install" = yes ] && has_apt; then
        say "Installing with apt-get:$debian"
        apt_update
        # shellcheck disable=SC2086 # a list
        run_apt install --no-install-recommends $debian || complain 'apt-get failed (see above)'
        find_missing "$1"
    fi
    if [ -z "$debian" ]; then
        say 'None is missing.'
    elif [ "$1$debian" = '--programs ca-certificates' ]; then
        complain 'the package ca-certificates is missing, so https does not work'
    else
        name_missing
        stop 'install them, then run this script again'
    fi
}

# ---- the build directory

can_write() {
    mkdir -p "$1" 2>/dev/null && (: >"$1/.writable") 2>/dev/null && rm -f "$1/.writable"
}

# choose_tree NAME: sets $tree, a source directory with a configure script that is not configured itself, and
# $builds, the build directory: NAME in the source directory, or a temporary one if that is not writable
choose_tree() {
    tree=$source builds=$source/$1
    can_write "$builds" || builds=$(mktemp -d "${TMPDIR:-/tmp}/fmnn-$1.XXXXXX") || exit 2
    if [ -e "$source/config.status" ] || { [ ! -e "$source/configure" ] && ! [ -w "$source" ]; }; then
        copy_source
    fi
    [ -e "$tree/configure" ] || make_configure
}

copy_source() {
    tree=$builds/source
    rm -rf "$tree" && mkdir -p "$tree" || exit 2
    (cd "$source" && tar -cf - --exclude=./build --exclude='./build-[!a]*' --exclude=./quickstart-out .) |
        (cd "$tree" && tar -xf -)
    chmod -R u+w "$tree"
    if [ -e "$tree/Makefile" ]; then
        (cd "$tree" && make -s distclean) >/dev/null 2>&1 || stop "$source: run 'make distclean' there first"
    fi
}

make_configure() {
    say 'Running autogen.sh'
    quietly "$builds/autogen.log" sh "$tree/autogen.sh"
}

# ---- building

# quietly LOG COMMAND...: writes the command's output to LOG; if it fails, shows the end and stops
quietly() {
    log_file=$1
    shift
    if "$@" >"$log_file" 2>&1; then return; fi
    tail -40 "$log_file" >&2
    stop "this command failed: $* (full log: $log_file)"
}

in_directory() { (cd "$1" && shift && "$@"); }
