# What zsh or fish makes of the start of a command line when Tab is pressed, printed for tests/completion.test:
#     zsh -f complete.zsh zsh DIRECTORY LINE      DIRECTORY has the completions, _fm-train and so on
#     zsh -f complete.zsh fish FILE LINE          FILE has those of the program; fish writes to $HOME
# zsh makes the terminal for both.
zmodload zsh/zpty || exit 77
if [[ $1 == zsh ]]; then
    zpty shell "TERM=xterm zsh -f -i"
    zpty -w shell "PS1=; fpath=($2 \$fpath); autoload -Uz compinit; compinit -u -d $2/dump"
    zpty -w shell "show() { print; print -r -- \"<<\$BUFFER>>\"; BUFFER= }; zle -N show; bindkey '^X' show; print rea''dy"
else
    zpty shell "TERM=dumb fish"
    zpty -w shell "source $2"
    zpty -w shell "bind \\cx 'printf \"<<%s>>\" (commandline); commandline \"\"'; echo rea''dy"
fi
zpty -r -m shell out '*ready*'
zpty -w -n shell "$3"$'\t'$'\C-X'
zpty -r -m shell out '*<<*>>*'
print -r -- "${${out##*<<}%%>>*}"
zpty -d shell
