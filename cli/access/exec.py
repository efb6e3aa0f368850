"""`exec`: one command in a VPS, with its own streams and its own exit code; on a terminal with -t."""

from typing import Annotated

from kohakuriver.cli import failures
from kohakuriver.cli.access import running
from kohakuriver.cli.framework.declared import Argument, Option
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.session import target

EXAMPLES = """
kohakuriver exec dev -- uname -a
kohakuriver exec dev -it -- htop
tar -c src | kohakuriver exec dev -i -- tar -x -C /root
"""

Command = Annotated[
    list[str] | None,
    Argument(metavar="-- COMMAND...", show_default=False, help="The command and its arguments."),
]


def exec(  # the command's name; the builtin is not used here
    settings: Settings,
    name: target.Name = None,
    command: Command = None,
    stdin: Annotated[bool, Option("--stdin", "-i", help="Pass standard input on.")] = False,
    tty: Annotated[bool, Option("--tty", "-t", help="Give it a terminal.")] = False,
) -> int:
    """Run a command in a VPS, as root. Its exit code is the exit code; 255 where something else ended it."""
    if not command:
        raise failures.UsageError(
            "which command? it is missing", hint=f"kohakuriver exec {name or 'NAME'} -- COMMAND"
        )
    if tty:
        return _on_terminal(settings, name, tuple(command))
    return running.run(target.presumed(settings, name, command="exec"), command, stdin=stdin)


def _on_terminal(settings: Settings, name: str | None, command: tuple[str, ...]) -> int:
    from kohakuriver.cli.access import connect  # here, as what runs without a terminal needs none of it
    from kohakuriver.cli.access.terminal import Terminal
    from kohakuriver.cli.session.remote import new_session

    if not Terminal.is_there():
        raise failures.UsageError(
            "-t gives the command this terminal, and there is none", hint="leave -t out: -i passes input on"
        )
    vps = target.find(settings, name, command="exec")
    return connect.run(vps, session=new_session(), command=command)
