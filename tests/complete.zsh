# What zsh makes of the start of a command line when Tab is pressed, printed for tests/completion.test:
#     zsh -f complete.zsh DIRECTORY LINE
# DIRECTORY has the completions, _fm-train and so on.
zmodload zsh/zpty || exit 77
zpty shell "TERM=xterm zsh -f -i"
zpty -w shell "PS1=; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -d $1/dump"
zpty -w shell "show() { print; print -r -- \"<<\$BUFFER>>\"; BUFFER= }; zle -N show; bindkey '^X' show; print rea''dy"
zpty -r -m shell out '*ready*'
zpty -w -n shell "$2"$'\t'$'\C-X'
zpty -r -m shell out '*<<*>>*'
print -r -- "${${out##*<<}%%>>*}"
zpty -d shell
