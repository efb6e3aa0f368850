"""What is said of shells that one leaves and comes back to: the keys, how long they last, others. Pure."""

from collections.abc import Callable

from kohakuriver import durations
from kohakuriver.cli.session.remote import Others


def hint(window: float) -> str:
    """Behind the name of a session, so that a line of 60 columns holds both."""
    return f"~. keeps it {durations.age(window)}, Ctrl-D ends it, ~? helps"


def keys(window: float, again: str) -> list[str]:
    """What `~?` shows. `again`: the command that comes back to this shell."""
    kept = durations.age(window)
    return [
        "after a newline:",
        f"~.  leave the shell running; it is kept for {kept}",
        "~~  type a tilde",
        "~?  list these keys",
        "exit or Ctrl-D ends the shell and what runs in it for good;",
        "a closed window or broken connection leaves it running",
        f"back to it: {again}",
    ]


def detached(window: float, again: str) -> str:
    """Once somebody has left it."""
    return f"left running, for {durations.age(window)} at most; back to it: {again}"


def of_others(others: Others, command: Callable[[str], str], name: str) -> list[str]:
    """What somebody who opens a new shell should know of the ones before."""
    lines = []
    if others.left:
        more = f" and {others.more} more ({command(f'sessions {name}')})" if others.more else ""
        again = command(f"connect {name} --session {others.left}")
        lines.append(f"you left one {durations.age(others.ago)} ago{more}: {again}")
    if others.made_way:
        words = ", ".join(others.made_way)
        lines.append(f"there were too many sessions here; left longest ago, and so ended: {words}")
    return lines
