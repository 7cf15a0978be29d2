# shellcheck shell=sh
# study.sh -- shared by the scripts that train several nets and write a report, which set $program, $source, $out, $quiet
# and $threads before they read this file, and define show_epochs.

complain() { printf '%s: %s\n' "$program" "$*" >&2; }
stop() {
    complain "$*"
    exit 2
}
say() { [ "$quiet" = yes ] || printf '%s\n' "$*" >&2; }

LC_ALL=C # for awk's and printf's decimal points
export LC_ALL

# Checks that the programs can be found.
need_programs() {
    for tool in fm-split fm-train fm-predict fm-confusion fm-plot; do
        command -v $tool >/dev/null || stop "$tool is not on PATH; try PATH=\$PWD/build/src:\$PATH examples/$program"
    done
}

# Makes the directory $work, unless it has the files of another study.
begin_study() { # WHAT SETTINGS
    work=$out/work
    mkdir -p "$work" || exit 2
    [ ! -e "$work/settings" ] || [ "$(cat "$work/settings")" = "$2" ] ||
        stop "$out contains $1 with other settings ($(cat "$work/settings")): choose another directory"
    printf '%s\n' "$2" >"$work/settings"
}

of() { eval "printf '%s' \"\${$1_$2-}\""; } # NAME NET: prints the value of $NAME_NET

# Files are written atomically, so a file that exists is complete.
make() { # FILE COMMAND...
    file=$1
    shift
    [ ! -s "$work/$file" ] || return 0
    "$@" >"$work/$file.part" || stop "cannot make $work/$file (see above)"
    mv "$work/$file.part" "$work/$file"
}
draw() { # FILE KIND ARGUMENT...
    file=$1
    shift
    [ -s "$out/$file" ] || fm-plot "$@" -o "$out/$file" || stop "cannot draw $out/$file (see above)"
}
# Converts report.md into one page with embedded images.
make_page() {
    awk -v directory="$out" -f "$source/examples/page.awk" "$out/report.md" >"$work/report.part"
    mv "$work/report.part" "$out/report.html"
}

# ---- training

# Trains a net whose history is not there yet: the weights go to NET.safetensors, the history to NET.tsv and the state
# to NET.checkpoint, from which the next start continues. Prints a line for each epoch as it ends.
train_net() { # NET OPTION...
    net=$1
    shift
    [ ! -s "$out/$net.tsv" ] || return 0
    start=--checkpoint # repeats the option, without effect
    [ ! -s "$work/$net.checkpoint" ] || start=--resume
    # shellcheck disable=SC2086 # $threads is an option with its argument, or empty
    fm-train -q "$@" $threads --checkpoint "$work/$net.checkpoint" $start "$work/$net.checkpoint" \
        -o "$out/$net.safetensors" >"$work/$net.tsv.part" &
    trainer=$!
    shown=0
    while kill -0 $trainer 2>/dev/null; do
        sleep 1
        lines=$(wc -l <"$work/$net.tsv.part")
        [ "$lines" -gt "$shown" ] || continue
        head -n "$lines" "$work/$net.tsv.part" | tail -n +$((shown + 1)) | show_epochs "$net"
        shown=$lines
    done
    wait $trainer || stop "training $net failed (see above)"
    trainer=
    tail -n +$((shown + 1)) "$work/$net.tsv.part" | show_epochs "$net"
    mv "$work/$net.tsv.part" "$out/$net.tsv"
}
trainer=
stopped() {
    trap '' HUP INT TERM
    if [ -n "$trainer" ]; then # it writes its checkpoint
        kill -TERM "$trainer" 2>/dev/null || :
        wait "$trainer" 2>/dev/null || :
        complain "stopped; run the same command again to resume ($out)"
    fi
    trap - "$1"
    kill -"$1" $$
}
for signal in HUP INT TERM; do
    # shellcheck disable=SC2064 # expand $signal now
    trap "stopped $signal" $signal
done

# ---- text of reports

percent() { awk -v x="$1" 'BEGIN { printf "%.2f", 100 * x }'; }
accuracy() { # COUNTS: prints a percentage
    awk -F '\t' 'NR > 1 { n += $3; if ($1 == $2) correct += $3 } END { printf "%.2f\n", 100 * correct / n }' "$1"
}
machine() {
    model=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo 2>/dev/null | head -1)
    echo "${model:-$(uname -m)}, $(getconf _NPROCESSORS_ONLN) processors, $(uname -s)"
}
digest() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi <"$1" | cut -d ' ' -f 1; }
