# shellcheck shell=sh disable=SC2034
# readers.sh -- shared by coverage and mutants: the sources that read what others wrote, by name. They are looked up in
# the tree, where the name of a source is unique. Needs source, the root of the tree, and program.
library_readers='idx png safetensors-reader safetensors-format table images split model numbers weights checkpoint float'
readers="$library_readers class-names unicode fetch-verify inputs options option-values predictions"

# source_of NAME: the path of NAME.c below the root; a path stays as it is
source_of() {
    case $1 in
    */*) found=$(cd "$source" && find "$1" -type f 2>/dev/null) ;;
    *) found=$(cd "$source" && find lib src -name "$1.c") ;;
    esac
    [ -n "$found" ] || {
        echo "$program: $1: no such source" >&2
        return 2
    }
    echo "$found"
}
