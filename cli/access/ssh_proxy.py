"""`ssh-proxy`: ssh's connection to a VPS, on stdin and stdout. For ProxyCommand; people type `ssh NAME.vps`.

Looks the VPS up first: what is stopped, lost or gone is told in words, and the host key that the VPS has now
is the one that ssh will find in its file. ssh reads that file only after the first byte has come.
"""

import os
import stat
import sys
from pathlib import Path
from typing import IO, Annotated

from kohakuriver import errors
from kohakuriver.cli import failures, lookup, screen
from kohakuriver.cli.access import entrance, known_hosts, looping, ssh_names
from kohakuriver.cli.access.entrance import NoEntrance
from kohakuriver.cli.access.pipes import Pipes
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.declared import Argument, Option
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.session.opening import Opener
from kohakuriver.cli.view.standing import Reader
from kohakuriver.client import config
from kohakuriver.resources import kinds

EXAMPLES = """
ssh -o ProxyCommand="kohakuriver ssh-proxy '%n'" root@dev
"""

_PATIENCE = 5.0  # seconds for something that is being restarted
PARAMS = (("port", "22"),)

Name = Annotated[
    str | None,
    Argument(metavar="NAME", show_default=False, help="NAME, NAME.vps or NAME.NAMESPACE.vps."),
]
Uid = Annotated[
    str | None, Option("--uid", metavar="UID", help="Only this very VPS, not a namesake made since.")
]
Pin = Annotated[bool, Option("--pin/--no-pin", help="Write its host key to ~/.ssh/kohakuriver/known_hosts.")]


def ssh_proxy(settings: Settings, name: Name = None, uid: Uid = None, pin: Pin = True) -> int:
    """Connect stdin and stdout to the sshd of a VPS."""
    if not name:
        raise failures.UsageError("whose sshd? a NAME is missing", hint="kohakuriver ssh-proxy dev")
    if not all(_is_pipe(end) for end in (sys.stdin.buffer, sys.stdout.buffer)):
        raise failures.UsageError(
            "ssh-proxy is run by ssh, which gives it pipes for stdin and stdout",
            hint="make ssh NAME.vps work: kohakuriver ssh-config --install",
        )
    try:
        api, vps = find(settings, name)
        reader = settings.reader()._replace(options=())  # what ssh's config has, nobody typed
        key = entrance.host_key(vps, reader=reader)
        if uid and vps["metadata"]["uid"] != uid:
            raise NoEntrance(f"{name} has just been made anew", hint="connect again to reach the new one")
        if pin:
            known_hosts.pin(known_hosts.default_file(Path.home()), name.lower(), key)
        opener = Opener(api.connection, vps["metadata"]["name"], patience=_PATIENCE)
        api.close()
        return looping.run(_splice(opener, vps, reader))
    except errors.KohakuRiverError as error:
        screen.note(f"kohakuriver: {error.message}" + (f": {error.hint}" if error.hint else ""))
        return 1


def find(settings: Settings, word: str) -> tuple[Api, Object]:
    """The VPS of exactly this name, read as `ssh_names` has it. Raises NotFound, and as the server says."""
    contexts = config.read(config.find(settings.config)).get("contexts") or []
    failure: errors.ApiError | None = None
    for place in ssh_names.readings(word, [str(one.get("name")) for one in contexts]):
        there = settings.but(
            namespace=place.namespace or settings.namespace,
            context=place.context or settings.context,
        )
        api = there.api()
        try:
            return api, api.call("GET", api.path(kinds.VPS, namespace=api.namespace, name=place.name))
        except (errors.NotFound, errors.Forbidden) as error:
            failure = failure or error
    if isinstance(failure, errors.Forbidden):
        raise failure
    bare = word.removesuffix(ssh_names.SUFFIX)
    return settings.api(), lookup.find(settings.api(), [bare], exact=True)[0]


def _is_pipe(end: IO[bytes]) -> bool:
    mode = os.fstat(end.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _own(descriptor: int, mode: str) -> IO[bytes]:
    """A file that may be closed, which stdin and stdout of a program may not."""
    return os.fdopen(os.dup(descriptor), mode, buffering=0)


async def _splice(opener: Opener, vps: Object, reader: Reader) -> int:
    try:
        stream, first = await opener.transport("forward", PARAMS)
    except errors.Conflict as error:
        if error.details.get("reason") == "ConnectionRefused":
            raise entrance.silent(vps, reader=reader) from error
        raise
    pipes = Pipes()
    try:
        await pipes.join(_own(sys.stdin.fileno(), "rb"), _own(sys.stdout.fileno(), "wb"), stream, first)
        await pipes.over
    finally:
        pipes.close()
    if pipes.error is not None:
        raise errors.Unreachable(f"the connection to {opener.name} broke: {pipes.error.message}")
    return 0
