"""`completion`: the script by which a shell completes commands, options and the names in the cluster."""

from typing import Annotated

import typer

from kohakuriver.cli import failures, screen

EXAMPLES = """
kohakuriver completion bash
kohakuriver completion zsh
kohakuriver completion fish
"""
_BASH = """\
# kohakuriver completion for bash. Now:    source <(kohakuriver completion bash)
# From now on: kohakuriver completion bash > ~/.local/share/bash-completion/completions/kohakuriver
_kohakuriver() {
    local IFS=$'\\n' line found
    COMPREPLY=()
    found=$(kohakuriver __complete bash -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) || compopt +o default
    for line in $found; do
        COMPREPLY+=("${line%%$'\\t'*}")
    done
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/=:] ]]; then
        compopt -o nospace
    fi
}
complete -o default -F _kohakuriver kohakuriver
"""
_ZSH = """\
#compdef kohakuriver
# kohakuriver completion for zsh. Now:    source <(kohakuriver completion zsh)
# From now on: kohakuriver completion zsh > "${fpath[1]}/_kohakuriver"
_kohakuriver() {
    local line value told no_files=0
    local -a found
    told=$(kohakuriver __complete zsh -- "${(@)words[2,CURRENT]}" 2>/dev/null) || no_files=1
    for line in "${(@f)told}"; do
        [[ -z $line ]] && continue
        value=${line%%$'\\t'*}
        found+=("${value//:/\\\\:}:${line#*$'\\t'}")
    done
    if (( ${#found} )); then
        _describe -t kohakuriver kohakuriver found
    elif (( ! no_files )); then
        _files
    fi
}
if [[ $funcstack[1] == _kohakuriver ]]; then
    _kohakuriver "$@"
else
    compdef _kohakuriver kohakuriver
fi
"""
_FISH = """\
# kohakuriver completion for fish. Now:    kohakuriver completion fish | source
# From now on: kohakuriver completion fish > ~/.config/fish/completions/kohakuriver.fish
function __kohakuriver_complete
    set -l words (commandline -opc)
    set -l found (kohakuriver __complete fish -- $words[2..-1] (commandline -ct) 2>/dev/null)
    set -l code $status
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else if test $code -eq 0
        __fish_complete_path (commandline -ct)
    end
end
complete -c kohakuriver -f -k -a '(__kohakuriver_complete)'
"""
SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}

Shell = Annotated[str | None, typer.Argument(metavar="SHELL", show_default=False, help="bash, zsh or fish.")]


def completion(shell: Shell = None) -> int:
    """Print what makes your shell complete commands, options, and the names of what is in the cluster. Its
    first lines say where it goes."""
    if shell not in SCRIPTS:
        wrong = "which shell is meant?" if shell is None else f'there is no completion for "{shell}"'
        raise failures.UsageError(wrong, hint=f"there are {', '.join(SCRIPTS)}: kohakuriver completion bash")
    screen.out(SCRIPTS[shell], end="")
    return 0
