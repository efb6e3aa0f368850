"""How backups are called that lie in one folder, and which of them are kept. Pure."""

import datetime
import re
from collections.abc import Iterable

from kohakuriver import errors

_NAME = re.compile(r"kohakuriver-([0-9a-f]{8})-(\d{8}T\d{6}Z)\.tar")
PART = ".part"  # behind the name of what is being written


def name(cluster: str, now: datetime.datetime) -> str:
    """Of a backup that is made now: names of one cluster follow each other as their times do."""
    return f"kohakuriver-{_short(cluster)}-{now.astimezone(datetime.UTC):%Y%m%dT%H%M%SZ}.tar"


def superfluous(names: Iterable[str], *, made: str, keep: int) -> list[str]:
    """Which to remove so that the newest `keep` of this cluster are left. `made` is the one that was made
    just now, and stays whatever the others are called. What has another form of name is never removed."""
    mine = _NAME.fullmatch(made)
    if mine is None:
        return []
    older = sorted(
        one for one in names if one != made and (found := _NAME.fullmatch(one)) and found[1] == mine[1]
    )
    return older[: max(0, len(older) - max(0, keep - 1))]


def is_left_over(one: str) -> bool:
    """Whether a backup that was interrupted has left this."""
    return one.endswith(PART) and _NAME.fullmatch(one.removesuffix(PART)) is not None


def _short(cluster: str) -> str:
    found = cluster.replace("-", "").lower()[:8]
    if not re.fullmatch(r"[0-9a-f]{8}", found):
        raise errors.ConfigError(f'the id of the cluster is "{cluster}", which is none')
    return found
