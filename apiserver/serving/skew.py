"""Our own programs are told in a Warning header when their version is not the server's (FAULTS 46).

Fields that an older program does not know are kept all the same; what a newer one sends and this server does
not know is refused or named by the validation. Clients of others have numbers of their own: no word to them.
"""

import re

from aiohttp import web

from kohakuriver import __version__

_OURS = re.compile(r"(?P<program>kohakuriver[a-z-]*|controller)/(?P<minor>[0-9]{1,6}\.[0-9]{1,6})\.")
_MINOR = ".".join(__version__.split(".")[:2])


def warning(user_agent: str) -> str | None:
    """What to tell a caller of that name; None for one of this version, and for strangers."""
    found = _OURS.match(user_agent)
    if found is None or found["minor"] == _MINOR:
        return None
    theirs, ours = (tuple(map(int, number.split("."))) for number in (found["minor"], _MINOR))
    behind = found["program"] if theirs < ours else "the API server"
    return (
        f"{found['program']} {found['minor']} talks to an API server {_MINOR}: "
        f"what one of them does not know is kept and left alone; upgrade {behind}"
    )


async def tell(request: web.Request, response: web.StreamResponse) -> None:
    """Before any answer goes out."""
    text = warning(request.headers.get("User-Agent", ""))
    if text is not None:
        response.headers.add("Warning", f'299 - "{text}"')
