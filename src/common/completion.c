/* completion.c -- writes a shell's completion of a program's command line, from the table of its
   options.

   `PROGRAM --completion=bash|zsh|fish`, an option that --help does not list: make runs it. */
#include "common/common.h"

#include <ctype.h>

/* What a value can be completed to, besides words. */
enum files { NO_FILES, ANY_FILES, WEIGHT_FILES, DIRECTORIES };
static const char *const split_words[] = {"train", "valid", "test", NULL};

/* An option's or an operand's value. */
struct value {
    const char *const *words; /* or NULL */
    bool list;                /* of words, with commas */
    enum files files;
};

static struct value value_of(const struct option_row *row)
{
    struct value value = {.words = row->words};
    switch (row->kind) {
    case OPTION_SPLITS:
        return (struct value){split_words, true, NO_FILES};
    case OPTION_FILE:
        value.files = row->argument && !strcmp(row->argument, "WEIGHTS") ? WEIGHT_FILES : ANY_FILES;
        return value;
    case OPTION_DIRECTORY:
        value.files = DIRECTORIES;
        return value;
    default:
        return value;
    }
}

static bool takes_value(const struct option_row *row)
{
    return row->kind != OPTION_FLAG;
}

/* "fm_train": what shells take for the name of a function. */
static void print_identifier(const char *name)
{
    for (; *name; name++)
        putchar(isalnum((unsigned char)*name) ? *name : '_');
}

static void print_joined(const char *const *words, const char *between)
{
    for (size_t i = 0; words && words[i]; i++)
        printf("%s%s", i ? between : "", words[i]);
}
static void print_words(const char *const *words)
{
    print_joined(words, " ");
}

/* The text within '...'; each of `special`, and a backslash, gets a backslash. */
static void print_quoted(const char *text, const char *special)
{
    for (; *text; text++)
        if (*text == '\'')
            printf("'\\''");
        else
            printf("%s%c", *text == '\\' || strchr(special, *text) ? "\\" : "", *text);
}

#define EACH_ROW(row, tables)                                                                      \
    for (size_t t_ = 0; t_ < 2; t_++)                                                              \
        for (const struct option_row *row = (tables)[t_]; row->help; row++)                        \
            if (row->name)

/* ---- bash: a case for each option that takes a value */

static void bash_value(struct value value)
{
    static const char *const files[] = {[NO_FILES] = "",
                                        [ANY_FILES] = " files=any",
                                        [WEIGHT_FILES] = " files=safetensors",
                                        [DIRECTORIES] = " files=directories"};
    printf("words='");
    print_words(value.words);
    printf("'%s%s ;;\n", files[value.files], value.list ? " head=${cur%\"${cur##*,}\"}" : "");
}

static void bash_options(const struct option_row *const tables[2])
{
    printf("        -*) words='");
    EACH_ROW(row, tables)
    printf("--%s%s ", row->name, takes_value(row) ? "=" : "");
    printf("' ;;\n");
}

static void print_bash(const struct program *program, const struct option_row *const tables[2],
                       const char *const *operands)
{
    printf("# bash completion for %s\n_", program->name);
    print_identifier(program->name);
    printf("()\n{\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]}\n"
           "    local words= files= head=\n"
           "    [[ $option == '=' && COMP_CWORD -gt 2 ]] && option=${COMP_WORDS[COMP_CWORD - 2]}\n"
           "    [[ $cur == '=' ]] && cur=\n"
           "    case $option in\n");
    EACH_ROW(row, tables)
    if (takes_value(row)) {
        printf("    ");
        if (row->letter)
            printf("-%c|", row->letter);
        printf("--%s) ", row->name);
        bash_value(value_of(row));
    }
    printf("    *)\n        case $cur in\n");
    bash_options(tables);
    printf("        *) words='");
    print_words(operands);
    printf("' files=any ;;\n        esac\n    esac\n"
           "    mapfile -t COMPREPLY < <(\n"
           "        compgen -P \"$head\" -W \"$words\" -- \"${cur#\"$head\"}\"\n"
           "        case $files in\n"
           "        any) compgen -f -- \"$cur\" ;;\n"
           "        safetensors) compgen -f -X '!*.safetensors' -- \"$cur\"; compgen -d -- "
           "\"$cur\" ;;\n"
           "        directories) compgen -d -- \"$cur\" ;;\n"
           "        esac\n    )\n"
           "    [[ -n $files ]] && compopt -o filenames 2>/dev/null\n"
           "    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == -*= ]] && compopt -o nospace "
           "2>/dev/null\n"
           "    return 0\n}\ncomplete -F _");
    print_identifier(program->name);
    printf(" %s\n", program->name);
}

/* ---- zsh: a specification for _arguments */

static void zsh_value(const char *what, struct value value)
{
    static const char *const actions[] = {[NO_FILES] = " ",
                                          [ANY_FILES] = "_files",
                                          [WEIGHT_FILES] = "_files -g \"*.safetensors(-.)\"",
                                          [DIRECTORIES] = "_files -/"};
    putchar(':');
    print_quoted(what, ":[]");
    putchar(':');
    if (value.list)
        printf("_values -s , split ");
    else if (value.words && value.files)
        printf("{_alternative \"words\\:word\\:(");
    else if (value.words)
        putchar('(');
    print_words(value.words);
    if (value.list)
        return;
    if (value.words && value.files)
        printf(")\" \"files\\:file\\:%s\"}", actions[value.files]);
    else
        printf("%s", value.words ? ")" : actions[value.files]);
}

static void zsh_row(const struct option_row *row)
{
    const char *equals = takes_value(row) ? "=" : "";
    if (row->letter)
        printf("    '(-%c --%s)'{-%c%s,--%s%s}'[", row->letter, row->name, row->letter,
               takes_value(row) ? "+" : "", row->name, equals);
    else
        printf("    '--%s%s[", row->name, equals);
    print_quoted(row->help, ":[]");
    putchar(']');
    if (takes_value(row))
        zsh_value(row->argument ? row->argument : row->name, value_of(row));
    printf("' \\\n");
}

static void print_zsh(const struct program *program, const struct option_row *const tables[2],
                      const char *const *operands)
{
    printf("#compdef %s\n_arguments -s -S \\\n", program->name);
    EACH_ROW(row, tables)
    zsh_row(row);
    printf("    '*");
    zsh_value("operand", (struct value){operands, false, ANY_FILES});
    printf("'\n");
}

/* ---- fish: a command for each option */

static void fish_value(struct value value)
{
    printf(value.files ? " -r -F" : " -x");
    if (value.files == DIRECTORIES)
        printf(" -a '(__fish_complete_directories)'");
    if (value.files == WEIGHT_FILES)
        printf(" -k -a '(__fish_complete_suffix .safetensors)'");
    if (value.list) {
        printf(" -a '(__fish_complete_list , \"string split : ");
        print_joined(value.words, ":");
        printf("\")'");
    } else if (value.words) {
        printf(" -a '");
        print_words(value.words);
        putchar('\'');
    }
}

static void print_fish(const struct program *program, const struct option_row *const tables[2],
                       const char *const *operands)
{
    printf("# fish completion for %s\n", program->name);
    EACH_ROW(row, tables)
    {
        printf("complete -c %s", program->name);
        if (row->letter)
            printf(" -s %c", row->letter);
        printf(" -l %s", row->name);
        if (takes_value(row))
            fish_value(value_of(row));
        printf(" -d '");
        print_quoted(row->help, "");
        printf("'\n");
    }
    if (!operands)
        return;
    printf("complete -c %s -n __fish_use_subcommand -a '", program->name);
    print_words(operands);
    printf("'\n");
}

/* ---- the three */

bool print_completion(const char *shell, const struct program *program,
                      const struct option_row *common)
{
    static const struct {
        const char *name;
        void (*print)(const struct program *program, const struct option_row *const tables[2],
                      const char *const *operands);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    const struct option_row *const tables[2] = {program->options, common};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (!strcmp(shells[i].name, shell)) {
            shells[i].print(program, tables, program->operands ? program->operands() : NULL);
            return true;
        }
    return false;
}
