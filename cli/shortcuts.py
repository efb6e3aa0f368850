"""The command lines that are typed most, read without what reads all the others: importing that takes as long
as all that they need.

Only what is written in the plainest way is read here; with any option more, typer has it. Both ways lead to
the same function.
"""

from collections.abc import Callable, Sequence

Call = Callable[[], int]


def find(words: Sequence[str]) -> Call | None:
    """What to call; None for everything that is not one of these."""
    match words:
        case ["exec", name, "--", _, *_] if _is_name(name):
            return lambda: _exec(name, words[3:], stdin=False)
        case ["exec", name, "-i", "--", _, *_] if _is_name(name):
            return lambda: _exec(name, words[4:], stdin=True)
        case ["vps", "list"]:
            return _list
    return None


def _is_name(word: str) -> bool:
    return bool(word) and not word.startswith("-")


def _exec(name: str, command: Sequence[str], *, stdin: bool) -> int:
    from kohakuriver.cli.access import running
    from kohakuriver.cli.framework.settings import Settings
    from kohakuriver.cli.session import target

    settings = Settings()
    with settings.opened:
        return running.run(target.presumed(settings, name, command="exec"), list(command), stdin=stdin)


def _list() -> int:
    from kohakuriver.cli.framework.settings import Settings
    from kohakuriver.cli.vps import listing

    settings = Settings()
    with settings.opened:
        return listing.show(settings)
