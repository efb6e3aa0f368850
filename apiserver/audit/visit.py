"""One request on its way, as far as it is told of: at its opening, if it lasts, and at its end.

    middleware.py ──► Visit ◄── handlers, who say what they found: the uid, the command, how it ended
                        └─────► a line in the log, and what the audit log has beside (file.py)

Neither headers nor bodies come here, and of the query only what a stream was opened with: secrets may be in
any of them. What comes is cut, so that nobody makes a long line.
"""

import dataclasses
import logging
import secrets
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from kohakuriver.apiserver.audit.renewals import Renewals
from kohakuriver.apiserver.audit.writer import Receipt
from kohakuriver.apiserver.auth.authentication import Caller
from kohakuriver.apiserver.auth.endpoint import Endpoint
from kohakuriver.printable import cut
from kohakuriver.resources import kinds

LOG = logging.getLogger("kohakuriver.apiserver.audit")

LONGEST_PATH: Final = 256  # characters of it in a line: all names of ours fit
LONGEST_NAME: Final = 253  # of what exists none is longer
LONGEST: Final = 1024  # of all names that one deletion took
WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})
GONE: Final = 499  # the client has gone
UNKNOWN: Final = 504  # it may have been done

Json = Mapping[str, Any]


@dataclasses.dataclass(eq=False)
class Visit:
    """What is known of a request so far."""

    endpoint: Endpoint
    started: float
    renewals: Renewals
    caller: Caller | None = None
    credential: str = ""  # a name for it that opens nothing
    code: int = 0
    reason: str = ""
    stream: str = ""  # what it was opened as, where it lasts
    is_renewal: bool = False
    count: int = 0  # of the objects that it deleted
    has_written: bool = False  # whatever is answered then
    shown: dict[str, object] = dataclasses.field(default_factory=dict)  # in every line of it
    place: dict[str, object] = dataclasses.field(default_factory=dict)  # what its path says too

    def wrote(self, obj: Json) -> None:
        """What a write has left behind."""
        metadata = obj.get("metadata") or {}
        self.has_written = True
        self.shown["uid"] = metadata.get("uid", "")
        self.place |= {field: metadata[field] for field in ("namespace", "name") if metadata.get(field)}
        if self.endpoint.resource is kinds.LEASE:
            self.shown["holder"] = cut(str((obj.get("spec") or {}).get("holderIdentity") or ""), LONGEST_NAME)
            user = self.caller.user if self.caller is not None else None
            self.is_renewal = self.renewals.is_plain(user, self.endpoint.verb, dict(obj))

    def deleted(self, name: str) -> None:
        """One more of a collection."""
        self.has_written = True
        self.count += 1
        self.shown |= {
            "deleted": self.count,
            "names": cut(f"{self.shown.get('names', '')} {name}".lstrip(), LONGEST),
        }


VISIT = web.RequestKey("visit", Visit)


async def opened(request: web.Request, kind: str, **shown: object) -> None:
    """Something that lasts is about to begin: this line is in the file before a byte of it."""
    visit = request[VISIT]
    visit.stream = secrets.token_hex(6)
    visit.shown |= {"stream": visit.stream, "kind": kind} | shown
    receipt = Receipt()
    LOG.info("opened", extra=line(request, visit) | audited(request, visit, "open") | {"_receipt": receipt})
    await receipt.wait()


def happened(request: web.Request, event: str, **shown: object) -> None:
    """Something on a stream that is open."""
    visit = request[VISIT]
    LOG.info("passed", extra=line(request, visit) | shown | audited(request, visit, event))


def account(request: web.Request, visit: Visit, seconds: float) -> None:
    """The line at its end."""
    level = logging.DEBUG if _is_routine(visit) else logging.INFO
    if LOG.isEnabledFor(level):
        fields = line(request, visit) | {"code": visit.code, "ms": round(seconds * 1000, 1)}
        fields |= {"reason": visit.reason} if visit.reason else {}
        LOG.log(level, "request", extra=fields | audited(request, visit, event_of(visit)))


def event_of(visit: Visit) -> str:
    """What the audit log calls its end; empty where it has no line of it."""
    if visit.stream:
        return "end"
    is_write = visit.endpoint.verb in WRITES and not visit.endpoint.lasts
    if visit.has_written:
        return "" if visit.is_renewal else "write"
    if visit.code >= 400 and visit.code != GONE and not (is_write and visit.code == UNKNOWN):
        return "refused"
    return "write" if is_write and not visit.is_renewal else ""


def line(request: web.BaseRequest, visit: Visit) -> dict[str, object]:
    """Who wanted what."""
    user = visit.caller.user if visit.caller is not None else None
    return {
        "who": user.name if user is not None else "-",
        "role": user.role.value if user is not None else "-",
        "verb": visit.endpoint.verb,
        "path": cut(request.path, LONGEST_PATH),
        "from": request.remote or "-",
        **visit.shown,
    }


def audited(request: web.Request, visit: Visit, event: str) -> dict[str, object]:
    """What the audit log has beside the line; nothing where it has none."""
    if not event:
        return {}
    endpoint, place = visit.endpoint, request.match_info
    more: dict[str, object] = {"event": event, "credential": visit.credential}
    if endpoint.resource is not None:
        more["resource"] = endpoint.resource.plural
    if endpoint.subresource:
        more["subresource"] = endpoint.subresource
    more |= {field: cut(place[field], LONGEST_NAME) for field in ("namespace", "name") if field in place}
    if "dryRun" in request.query:
        more["dryRun"] = True
    return {"_audit": {name: value for name, value in (more | visit.place).items() if value != ""}}


def _is_routine(visit: Visit) -> bool:
    """Renewals and health checks that went well: thousands an hour, and nothing to learn from them."""
    if visit.code >= 400:
        return False
    is_read = visit.endpoint.resource is kinds.LEASE and visit.endpoint.verb in ("get", "list")
    return (visit.endpoint.open and not visit.has_written) or visit.is_renewal or is_read
