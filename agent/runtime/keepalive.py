"""What runs as the main process of a VPS whose owner named no command.

A POSIX shell script, a file in the container, so that `ps` shows its name and not all of it; it runs below
the engine's init, which reaps and passes signals on. It starts sshd again whenever it ends, if the image has
one and the agent put arguments for it there (agent/login/ssh.py), and otherwise waits without needing any
program but the shell. On TERM it asks every process to end, hangs up terminals, and leaves as soon as they
are gone; the engine kills what outlasts the grace period. It never installs, downloads or changes anything.
sshd logs errors only, unless the image's configuration says what it is to log: `logs` is for what the owner
runs, and sshd has three lines to say whenever the agent asks whether it is ready.
"""

from collections.abc import Mapping
from typing import Final

from kohakuriver.agent.runtime.base import File

FOLDER: Final = "/etc/kohakuriver"
SSHD: Final = "/usr/sbin/sshd"
SSHD_ARGUMENTS: Final = f"{FOLDER}/sshd_arguments"
SSHD_SETTINGS: Final = "/etc/ssh/sshd_config"
SHELL: Final = "/bin/sh"
PATH: Final = f"{FOLDER}/init"

SCRIPT: Final = f"""\
# KohakuRiver's keep-alive: runs sshd if there is one, and waits. The agent writes it again where it is gone.
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
# Whether the image leaves it to us what sshd logs.
logs_as_we_say() {{
    for settings in {SSHD_SETTINGS} {SSHD_SETTINGS}.d/*.conf; do
        while read -r word rest; do
            case $word in [Ll][Oo][Gg][Ll][Ee][Vv][Ee][Ll]*) return 1 ;; esac
        done < "$settings"
    done
    return 0
}} 2>/dev/null
start() {{
    if [ -x {SSHD} ] && [ -s {SSHD_ARGUMENTS} ]; then
        mkdir -p /run/sshd
        set --
        while read -r argument; do set -- "$@" "$argument"; done < {SSHD_ARGUMENTS}
        if logs_as_we_say; then set -- "$@" -oLogLevel=ERROR; fi
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
    read -r started rest < /proc/uptime || started=0
    start
    while kill -0 "$child" 2>/dev/null; do wait "$child"; done
    read -r ended rest < /proc/uptime || ended=0
    if [ $((${{ended%.*}} - ${{started%.*}})) -ge 10 ]; then delay=1; fi
    echo "KohakuRiver: sshd ended; starting it again in $delay s" >&2
    sleep "$delay" &
    wait $!
    if [ $? -eq 127 ]; then exit 1; fi
    if [ "$delay" -lt 60 ]; then delay=$((delay * 2)); fi
done
"""

ENTRYPOINT: Final = (SHELL, PATH)

_MISSING = frozenset({126, 127})
_UNREAD = _MISSING | {0, 2}  # what shells end with that cannot read their script, or whose script is empty


def files(command: tuple[str, ...]) -> tuple[File, ...]:
    """What a container with this command needs in it to be kept alive."""
    return () if command else (File(PATH, SCRIPT.encode(), mode=0o755),)


def may_lack_its_file(*, command: tuple[str, ...], exit_code: int | None) -> bool:
    """Whether somebody may have taken the script away, so that it is to be written before the next start."""
    return not command and exit_code in _UNREAD


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
            "message": f'the image {image} cannot run "{command[0]}"',
            "hint": "set spec.command to a program that the image has, with its full path",
        }
    return None
