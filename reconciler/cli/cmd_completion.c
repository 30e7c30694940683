/*
 * berth completion SHELL: small scripts that ask `berth __complete` for everything, so that the
 * tables are the only list of verbs and options.
 */
#include "reconciler/cli/verbs.h"
#include "spec/base/text.h"

/* Words are split at blanks here, for COMP_WORDS splits at '=' and ':' too; what stands in front of
 * the last of those readline keeps, so it is cut off from each reply. */
static const char for_bash[] =
    "# bash completion for berth\n"
    "_berth() {\n"
    "    local line=${COMP_LINE:0:COMP_POINT} cur='' reply kept\n"
    "    local -a words\n"
    "    read -ra words <<<\"$line\"\n"
    "    case $line in *[[:space:]]) words+=('') ;; esac\n"
    "    cur=${words[-1]}\n"
    "    kept=${cur%\"${cur##*[=:]}\"}\n"
    "    COMPREPLY=()\n"
    "    while IFS=$'\\t' read -r reply _; do\n"
    "        case $reply in\n"
    "        :file) compopt -o filenames; mapfile -t -O ${#COMPREPLY[@]} COMPREPLY \\\n"
    "            < <(compgen -f -- \"${cur#\"$kept\"}\") ;;\n"
    "        :folder) compopt -o filenames; mapfile -t -O ${#COMPREPLY[@]} COMPREPLY \\\n"
    "            < <(compgen -d -- \"${cur#\"$kept\"}\") ;;\n"
    "        *) COMPREPLY+=(\"${reply#\"$kept\"}\") ;;\n"
    "        esac\n"
    "    done < <(\"${words[0]}\" __complete -- \"${words[@]:1}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _berth berth\n";

static const char for_zsh[] =
    "#compdef berth\n"
    "_berth() {\n"
    "    local -a replies\n"
    "    local reply\n"
    "    for reply in ${(f)\"$(berth __complete -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)\"}; do\n"
    "        case $reply in\n"
    "        :file) compset -P 1 '--*='; _files ;;\n"
    "        :folder) compset -P 1 '--*='; _files -/ ;;\n"
    "        *) replies+=(\"${${reply%%$'\\t'*}//:/\\\\:}:${reply#*$'\\t'}\") ;;\n"
    "        esac\n"
    "    done\n"
    "    (( $#replies )) && _describe berth replies\n"
    "}\n"
    "if [ \"$funcstack[1]\" = _berth ]; then _berth; else compdef _berth berth; fi\n";

static const char for_fish[] =
    "# fish completion for berth\n"
    "function __berth_complete\n"
    "    set -l words (commandline -opc)\n"
    "    set -l cur (commandline -ct)\n"
    "    set -l kept (string match -r -- '^--[^=]*=' $cur)\n"
    "    set -l value (string replace -r -- '^--[^=]*=' '' $cur)\n"
    "    for reply in (berth __complete -- $words[2..-1] \"$cur\" 2>/dev/null)\n"
    "        switch $reply\n"
    "            case :file\n"
    "                for path in (__fish_complete_path \"$value\")\n"
    "                    echo \"$kept$path\"\n"
    "                end\n"
    "            case :folder\n"
    "                for path in (__fish_complete_directories \"$value\")\n"
    "                    echo \"$kept$path\"\n"
    "                end\n"
    "            case '*'\n"
    "                echo $reply\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c berth -f -a '(__berth_complete)'\n";

int cmd_completion(struct cli *cli)
{
    const char *shell = cli->operands[0];

    if (text_equal(shell, "bash"))
        fputs(for_bash, cli->out);
    else if (text_equal(shell, "zsh"))
        fputs(for_zsh, cli->out);
    else if (text_equal(shell, "fish"))
        fputs(for_fish, cli->out);
    else
        return cli_usage(cli, "there is no completion for '%s': bash, zsh or fish", shell);
    return CLI_DONE;
}
