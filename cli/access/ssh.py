"""`vps connect`: log in by SSH with the user's own ssh, or with a built-in client where there is none.

The connection is `kohakuriver ssh-proxy`, so no port of the node is needed; the host key is the one that the
VPS has published, under a name by which no other VPS is ever known.
"""

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from kohakuriver.cli import failures, lookup, screen
from kohakuriver.cli.access import entrance, identity, known_hosts, ssh_client
from kohakuriver.cli.api.http import Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.view import standing

EXAMPLES = """
kohakuriver vps connect dev
kohakuriver vps connect dev --key ~/.ssh/custom_key
kohakuriver vps connect dev -- nvidia-smi
kohakuriver vps connect dev -- -A -L 8080:localhost:80
"""

Name = Annotated[
    str | None, typer.Argument(metavar="ID", show_default=False, help="The VPS's name, or its start.")
]
Arguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="-- ARGUMENTS...", show_default=False, help="For ssh: its options, then perhaps a command."
    ),
]
Key = Annotated[
    Path | None,
    typer.Option(
        "--key",
        metavar="FILE",
        help="The private key. [default: ~/.ssh/kohakuriver_vps_ID if that may log in, else what ssh tries]",
        show_default=False,
    ),
]
Builtin = Annotated[bool, typer.Option("--builtin", help="Use the built-in client though there is an ssh.")]


def connect(
    settings: Settings,
    name: Name = None,
    arguments: Arguments = None,
    key: Key = None,
    builtin: Builtin = False,
) -> int:
    """Log in to a VPS by SSH. The exit code is that of ssh, or of the command."""
    if not name:
        raise failures.UsageError("which VPS is meant? an ID is missing", hint="kohakuriver vps connect dev")
    api = settings.api()
    vps, reader = lookup.find(api, [name])[0], settings.reader()
    host_key = entrance.host_key(vps, reader=reader)
    chosen = identity.chosen(vps, key, home=Path.home())
    metadata = vps["metadata"]
    if not standing.lets_somebody_in(vps):
        edit = reader.command(f"edit vps {metadata['name']}", vps)
        screen.warn(f"no key may log in; add one to spec.ssh.authorizedKeys: {edit}")
    elif chosen is None and not _has_a_key_for(vps):
        screen.warn(
            f"no key in ~/.ssh is one that may log in to {metadata['name']}: name one with --key FILE"
        )
    ssh = None if builtin else shutil.which("ssh")
    if ssh is None:
        from kohakuriver.cli.access import builtin_ssh  # here: it brings its own cryptography

        return builtin_ssh.run(
            api.connection,
            vps,
            host_key=host_key,
            key=chosen,
            arguments=arguments or [],
            home=Path.home(),
            reader=reader,
        )
    alias = f"kohakuriver-{metadata['uid']}"
    file = known_hosts.default_file(Path.home())
    known_hosts.pin(file, alias, host_key)
    words = ssh_client.command(
        metadata["name"],
        proxy=[*program(settings), "ssh-proxy", "--no-pin", "--uid", metadata["uid"], metadata["name"]],
        alias=alias,
        known_hosts=file,
        key=chosen,
        arguments=arguments or [],
    )
    api.close()
    sys.stdout.flush()
    return os.execv(ssh, words)  # noqa: S606 - no shell is meant


def _has_a_key_for(vps: Object) -> bool:
    """Whether ssh may find a key by itself; what an agent of ssh holds is not known here."""
    if os.environ.get("SSH_AUTH_SOCK") or not entrance.authorized(vps):
        return True
    return any(identity.opens(vps, file) for file in identity.defaults(Path.home()))


def program(settings: Settings) -> list[str]:
    """This very program, with the global options that it was given."""
    words = [str(Path(sys.argv[0]).absolute())] if Path(sys.argv[0]).name == "kohakuriver" else []
    words = words or [sys.executable, "-m", "kohakuriver.cli"]
    if settings.config is not None:
        words += ["--config", str(settings.config.absolute())]
    if settings.context:
        words += ["--context", settings.context]
    if settings.namespace:
        words += ["--namespace", settings.namespace]
    return words
