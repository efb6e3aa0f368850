"""What runs as the main process of a VPS whose owner named no command.

A POSIX shell script, handed to the engine as the container's command; it runs below the engine's init,
which reaps and passes signals on. It starts sshd again whenever it ends, if the image has one and the
agent put arguments for it there (agent/login/ssh.py), and otherwise waits without needing any program but
the shell. On TERM it asks every process to end, hangs up terminals, and leaves as soon as they are gone;
the engine kills what outlasts the grace period. It never installs, downloads or changes anything.
"""

from collections.abc import Mapping
from typing import Final

FOLDER: Final = "/etc/kohakuriver"
SSHD: Final = "/usr/sbin/sshd"
SSHD_ARGUMENTS: Final = f"{FOLDER}/sshd_arguments"
SHELL: Final = "/bin/sh"

SCRIPT: Final = f"""\
# KohakuRiver's keep-alive: runs sshd if there is one, and waits.
others() {{
    for process in /proc/[0-9]*; do
        case "${{process#/proc/}}" in 1|$$) ;; *) return 0 ;; esac
    done
    return 1
}}
hang_up_terminals() {{
    for process in /proc/[0-9]*; do
        {{ read -r line < "$process/stat"; }} 2>/dev/null || continue
        set -- ${{line##*) }}  # state, parent, group, session, terminal
        if [ "$4" = "${{process#/proc/}}" ] && [ "$5" != 0 ]; then kill -HUP "$4"; fi
    done
}}
end() {{
    trap '' TERM INT
    kill -TERM -1
    hang_up_terminals
    kill -CONT -1
    while others; do sleep 0.02 || sleep 1 || break; done
    exit 0
}} 2>/dev/null
start() {{
    if [ -x {SSHD} ] && [ -s {SSHD_ARGUMENTS} ]; then
        mkdir -p /run/sshd
        set --
        while read -r argument; do set -- "$@" "$argument"; done < {SSHD_ARGUMENTS}
        {SSHD} -D -e "$@" &
    else
        {SHELL} -c 'kill -STOP $$' &  # stopped: waits for ever
    fi
    child=$!
}}
trap end TERM INT
trap : HUP
delay=1
while :; do
    read -r started rest < /proc/uptime
    start
    while kill -0 "$child" 2>/dev/null; do wait "$child"; done
    read -r ended rest < /proc/uptime
    if [ $((${{ended%.*}} - ${{started%.*}})) -ge 10 ]; then delay=1; fi
    echo "KohakuRiver: sshd ended; starting it again in $delay s" >&2
    sleep "$delay" &
    wait $!
    if [ $? -eq 127 ]; then exit 1; fi
    if [ "$delay" -lt 60 ]; then delay=$((delay * 2)); fi
done
"""

ENTRYPOINT: Final = (SHELL, "-c", SCRIPT, "kohakuriver-keepalive")

_MISSING = frozenset({126, 127})


def why_it_ended(
    *, image: str, command: tuple[str, ...], exit_code: int, has_shell: bool
) -> Mapping[str, str] | None:
    """For an exit that means "there is nothing to run": `message` and `hint`. None for any other exit."""
    if exit_code not in _MISSING:
        return None
    if not command and not has_shell:
        return {
            "message": f"the image {image} has no {SHELL}, which the keep-alive needs",
            "hint": "set spec.command to a program that the image has, or use an image with a shell",
        }
    if command:
        return {
            "message": f'the image {image} cannot run "{command[0]}" (exit code {exit_code})',
            "hint": "set spec.command to a program that the image has, with its full path",
        }
    return None
