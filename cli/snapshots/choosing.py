"""Which Snapshot is meant, and whether files can begin from it there. Pure, but for what asks for the list.

dev   dev@before-upgrade   before-upgrade   dev 20261201
"""

from collections.abc import Sequence

from kohakuriver import errors
from kohakuriver.cli import absent, failures
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.view import snapshots
from kohakuriver.resources import kinds
from kohakuriver.resources.view import VPS, Snapshot


def split(word: str) -> tuple[str, str]:
    """`dev@before` as ZFS writes it, `dev/before` as Incus does; empty behind it where nothing is."""
    vps, at, name = word.partition("@")
    if not at:
        first, slash, rest = word.partition("/")
        if slash and kinds.find(first) is None:
            vps, at, name = first, slash, rest
    if at and not (vps and name):
        raise failures.UsageError(f'invalid snapshot "{word}": write it as VPS@SNAPSHOT, or SNAPSHOT alone')
    return vps, name


def everything(api: Api, namespace: str) -> list[Object]:
    """All of the namespace. Raises ApiError."""
    found: list[Object] = api.call("GET", api.path(kinds.SNAPSHOT, namespace=namespace))["items"]
    return found


def named(word: str, found: Sequence[Object], *, vps: str, namespace: str) -> Object:
    """The one of this name, else the only one of the VPS that begins so. Raises NotFound and UsageError."""
    word = word.removeprefix("snapshot/").removeprefix("snap/")
    for one in found:
        if Snapshot.of(one).name == word:
            return one
    own = [one for one in found if Snapshot.of(one).vps.text("name") == vps]
    starting = [one for one in own if Snapshot.of(one).name.startswith((word, f"{vps}-{word}"))]
    names = [Snapshot.of(one).name for one in starting]
    if len(starting) == 1:
        return starting[0]
    if starting:
        raise failures.UsageError(
            f'"{word}" may mean {", ".join(names[:5])}{", …" if len(names) > 5 else ""}',
            hint="write more of the name",
        )
    error = absent.in_words(
        kinds.SNAPSHOT, word, [Snapshot.of(one).name for one in own or found], namespace=namespace
    )
    if own and error.hint:
        error.hint = f"see which there are: kohakuriver vps snapshots {vps}"
    if not own:
        error.hint = f"there is none of vps/{vps}; take one: kohakuriver vps snapshot {vps}"
    raise error


def newest(found: Sequence[Object], vps: Object) -> Object:
    """The newest of the VPS that is ready, but for those of files that were replaced. Raises NotFound."""
    own = snapshots.of_vps(found, vps)
    for one in own:
        if Snapshot.of(one).is_ready and Snapshot.of(one).cause != snapshots.REPLACED:
            return one
    name = VPS.of(vps).name
    aside = any(Snapshot.of(one).is_ready for one in own)
    undo = f"bring back what was replaced last: kohakuriver vps restore {name} --undo"
    raise errors.NotFound(
        f"there is no snapshot of vps/{name} that is ready",
        hint=undo if aside else f"take one: kohakuriver vps snapshot {name}",
    )


def replaced(found: Sequence[Object], vps: Object) -> Object:
    """The files that were replaced last. Raises NotFound."""
    for one in snapshots.of_vps(found, vps):
        if Snapshot.of(one).cause == snapshots.REPLACED:
            return one
    name = VPS.of(vps).name
    raise errors.NotFound(
        f"there is nothing to undo: no files of vps/{name} that were replaced are kept",
        hint=f"see what there is: kohakuriver vps snapshots {name}",
    )


def check(snapshot: Object, vps: Object, *, from_other: bool = False) -> None:
    """Raises Conflict where the files of this VPS cannot begin from it."""
    found, target = Snapshot.of(snapshot), VPS.of(vps)
    check_ready(found)
    title = snapshots.title(found.name)
    if found.vps.text("uid") != target.uid and not from_other:
        earlier = found.vps.text("name") == target.name
        whose = f"an earlier vps/{target.name}" if earlier else f"vps/{found.vps.text('name')}"
        raise errors.Conflict(
            f"{title} has the files of {whose}, not of this vps/{target.name}",
            hint=f"if that is what you want: kohakuriver vps restore {target.name} {found.name} --from-other",
        )
    if target.node and found.node != target.node:
        raise errors.Conflict(
            f"{title} lies on node {found.node}, and vps/{target.name} is on node {target.node}",
            hint=f"make a VPS of it there: kohakuriver vps create NAME --from-snapshot {found.name}",
        )


def check_ready(found: Snapshot) -> None:
    """Raises Conflict where no files can begin from it."""
    why = snapshots.unusable(found)
    if why:
        raise errors.Conflict(
            f"{snapshots.title(found.name)} cannot be used: {why}",
            hint=f"see how it stands: kohakuriver vps snapshots {found.vps.text('name')}",
        )
