# What fish makes of the start of a command line when Tab is pressed, printed for tests/completion.test:
#     zsh -f complete-fish.zsh FILE LINE
# FILE has the completions, fm-train.fish and so on. zsh makes the terminal; fish writes to $HOME.
zmodload zsh/zpty || exit 77
zpty shell "TERM=dumb fish"
zpty -w shell "source $1"
zpty -w shell "bind \\cx 'printf \"<<%s>>\" (commandline); commandline \"\"'; echo rea''dy"
zpty -r -m shell out '*ready*'
zpty -w -n shell "$2"$'\t'$'\C-X'
zpty -r -m shell out '*<<*>>*'
print -r -- "${${out##*<<}%%>>*}"
zpty -d shell
