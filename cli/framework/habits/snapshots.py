"""Words of docker, incus, multipass and ZFS about files that are kept or copied, led to ours. Pure."""

from collections.abc import Sequence

Words = tuple[str, ...]
_TAKES = frozenset({"snapshot", "snapshots", "snap", "checkpoint"})
_COPIES = frozenset({"copy", "clone", "duplicate"})
_BACK = frozenset({"rollback", "revert"})
_VERBS = {
    "list": ("vps", "snapshots"),
    "ls": ("vps", "snapshots"),
    "show": ("describe", "snapshot"),
    "info": ("describe", "snapshot"),
    "restore": ("vps", "restore"),
    "rollback": ("vps", "restore"),
    "delete": ("delete", "snapshot"),
    "remove": ("delete", "snapshot"),
    "rm": ("delete", "snapshot"),
}
"""What stands behind `incus snapshot`, `virsh snapshot` and their like."""
_OF_A_VPS = frozenset({"delete", "remove", "rm", "show", "info"})
"""Those whose first word is the VPS, which our command does not ask for."""


def meant(word: str, rest: Sequence[str]) -> list[Words]:
    """What such a word may have meant; nothing where it is not one of them."""
    if word in _TAKES:
        return [_taken(word, rest)]
    if word in _COPIES and not any(_is_path(one) for one in rest):
        return [("vps", "fork", *(one for one in rest if one not in ("-n", "--name")))]
    if word in _BACK:
        return [("vps", "restore", *rest)]
    if word == "undo":
        return [("vps", "restore", *rest, "--undo")]
    if word == "commit":
        return _committed(rest)
    return []


def _taken(word: str, rest: Sequence[str]) -> Words:
    verb, *more = rest or ("",)
    if verb in _VERBS:
        return (*_VERBS[verb], *(more[1:] if verb in _OF_A_VPS and len(more) > 1 else more))
    names = more if verb in ("create", "take", "save") else list(rest)
    if word == "snapshots":
        return ("vps", "snapshots", *names)
    return ("vps", "snapshot", *_named(names))


def _named(words: Sequence[str]) -> Words:
    """A second word is the name of what is made."""
    plain = len(words) == 2 and not any(one.startswith("-") for one in words)
    return (words[0], "--name", words[1]) if plain else tuple(words)


def _committed(rest: Sequence[str]) -> list[Words]:
    """`docker commit` makes what others start from, and people use it to keep what they have, too."""
    plain = [one for one in rest if not one.startswith("-")]
    if not plain:
        return [("vps", "snapshot"), ("env", "create")]
    name = plain[1].rpartition("/")[2].partition(":")[0] if len(plain) > 1 else "NAME"
    return [("vps", "snapshot", plain[0]), ("env", "create", name, "--from", plain[0])]


def _is_path(word: str) -> bool:
    """Whether it is a file, here or in a VPS."""
    return ":" in word or word.startswith(("/", ".", "~"))
