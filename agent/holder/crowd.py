"""The sessions of one VPS beside a new one: which makes way for it, and which its user has left. Pure."""

from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeVar

MOST: Final = 64  # sessions of one VPS


class Standing(Protocol):
    """A session, as far as it counts here."""

    @property
    def id(self) -> str: ...

    @property
    def user(self) -> str: ...

    @property
    def left_at(self) -> float | None:
        """When the last who was attached left; None while somebody is."""
        ...

    @property
    def is_over(self) -> bool: ...


S = TypeVar("S", bound=Standing)


def has_room(sessions: Sequence[Standing], *, being_made: int) -> bool:
    """Whether one more may be made: those that somebody is attached to make way for nobody."""
    return sum(one.left_at is None for one in sessions) + being_made < MOST


def makes_way(sessions: Sequence[S]) -> list[S]:
    """Those that end so that one more is not too many: first what is over, then what was left longest ago."""
    left = sorted(
        (one for one in sessions if one.left_at is not None),
        key=lambda one: (not one.is_over, one.left_at or 0.0),
    )
    return left[: max(len(sessions) + 1 - MOST, 0)]


def left_by(user: str, sessions: Sequence[Standing], now: float) -> dict[str, Any] | None:
    """What is told of the sessions that this user left and that run on: the latest, and how many more."""
    left = [(one.left_at, one.id) for one in sessions if one.user == user and not one.is_over]
    known = sorted((at, id_) for at, id_ in left if at is not None)
    if not known:
        return None
    at, id_ = known[-1]
    return {"session": id_, "detached": round(now - at, 1), "others": len(known) - 1}
