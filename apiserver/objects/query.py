"""What the query string of a list or watch asks for, checked the way Kubernetes checks it. Pure."""

import base64
import binascii
import dataclasses
import enum
from collections.abc import Mapping

import orjson

from kohakuriver.apiserver.objects.selectors import Selection, select
from kohakuriver.errors import BadRequest, Cause, Invalid
from kohakuriver.resources.kinds import ResourceType

MOST = 10**9  # objects that a limit means; no store has so many


class Match(enum.StrEnum):
    """How `resourceVersion` is meant."""

    EXACT = "Exact"
    NOT_OLDER_THAN = "NotOlderThan"


@dataclasses.dataclass(frozen=True)
class Resume:
    """Where the previous page of a list ended, and the revision it was true of."""

    revision: int
    after: str

    def to_token(self) -> str:
        content = orjson.dumps({"v": "meta.k8s.io/v1", "rv": self.revision, "start": self.after})
        return base64.urlsafe_b64encode(content).decode()

    @classmethod
    def from_token(cls, token: str) -> "Resume":
        try:
            content = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
            revision, after = content["rv"], content["start"]
        except (binascii.Error, ValueError, KeyError, TypeError) as error:
            raise BadRequest(f'continue key is not valid: "{token}"', hint="list from the start") from error
        if not isinstance(revision, int) or not isinstance(after, str) or not 0 < revision < 1 << 63:
            raise BadRequest(f'continue key is not valid: "{token}"', hint="list from the start")
        return cls(revision=revision, after=after)


@dataclasses.dataclass(frozen=True)
class ListQuery:
    """Which objects, and as of when."""

    selection: Selection
    limit: int = 0
    resume: Resume | None = None
    revision: int | None = None  # None: the newest; 0: any
    match: Match | None = None

    @property
    def exact(self) -> int | None:
        """The one revision that is wanted, if it is."""
        if self.resume is not None:
            return self.resume.revision
        legacy = self.match is None and self.limit > 0
        return self.revision if self.revision and (self.match is Match.EXACT or legacy) else None


@dataclasses.dataclass(frozen=True)
class WatchQuery:
    """Which objects to follow, from when, and how."""

    selection: Selection
    revision: int | None = None  # None: the newest; 0: any
    bookmarks: bool = False
    timeout: float | None = None
    initial: bool = False  # objects that are there come first, as ADDED
    closing_bookmark: bool = False


def parse_list(
    query: Mapping[str, str], resource: ResourceType, *, namespace: str | None, scope: str | None
) -> ListQuery:
    """Raises BadRequest for what contradicts itself."""
    match, revision = _match(query), _revision(query)
    token = query.get("continue", "")
    if token and revision:
        raise BadRequest(
            "specifying resource version is not allowed when using continue", hint="leave out one of them"
        )
    if "sendInitialEvents" in query:
        raise _invalid("sendInitialEvents", "sendInitialEvents is forbidden for list")
    return ListQuery(
        selection=_selection(query, resource, namespace, scope),
        limit=_limit(query),
        resume=Resume.from_token(token) if token else None,
        revision=revision,
        match=match,
    )


def parse_watch(
    query: Mapping[str, str], resource: ResourceType, *, namespace: str | None, scope: str | None
) -> WatchQuery:
    """Raises BadRequest or Invalid for what contradicts itself."""
    revision, bookmarks = _revision(query), flag(query, "allowWatchBookmarks")
    asked = flag(query, "sendInitialEvents") if "sendInitialEvents" in query else None
    match = query.get("resourceVersionMatch", "")
    if asked is not None and match != Match.NOT_OLDER_THAN:
        raise _invalid(
            "resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        )
    if asked is None and match:
        raise _invalid("resourceVersionMatch", "resourceVersionMatch is forbidden for watch")
    return WatchQuery(
        selection=_selection(query, resource, namespace, scope),
        revision=revision,
        bookmarks=bookmarks,
        timeout=_number(query, "timeoutSeconds") or None,
        initial=not revision if asked is None else asked,
        closing_bookmark=bool(asked) and bookmarks,
    )


def flag(query: Mapping[str, str], name: str) -> bool:
    """A boolean as Kubernetes reads it."""
    text = query.get(name, "")
    if text.lower() in ("", "0", "false", "f"):
        return False
    if text.lower() in ("1", "true", "t"):
        return True
    raise BadRequest(f'invalid value for {name}: "{text}"', hint="write true or false")


def _selection(
    query: Mapping[str, str], resource: ResourceType, namespace: str | None, scope: str | None
) -> Selection:
    fields = tuple(text for text in (query.get("fieldSelector", ""), scope) if text)
    return select(resource, namespace=namespace, labels=query.get("labelSelector", ""), fields=fields)


def _match(query: Mapping[str, str]) -> Match | None:
    text = query.get("resourceVersionMatch", "")
    if not text:
        return None
    try:
        match = Match(text)
    except ValueError as error:
        raise _invalid("resourceVersionMatch", f'unsupported value "{text}"') from error
    revision = query.get("resourceVersion", "")
    if not revision:
        raise _invalid("resourceVersionMatch", "resourceVersionMatch is forbidden without resourceVersion")
    if match is Match.EXACT and revision == "0":
        raise _invalid("resourceVersionMatch", 'resourceVersionMatch "Exact" is forbidden for version "0"')
    if query.get("continue"):
        raise _invalid("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is set")
    return match


def _revision(query: Mapping[str, str]) -> int | None:
    text = query.get("resourceVersion", "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise BadRequest(
            f'invalid resource version: "{text}"', hint="pass on what a list or an object gave you"
        )
    return int(text)


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise BadRequest(f'invalid value for {name}: "{text}"', hint="write a whole number")
    return int(text)


def _limit(query: Mapping[str, str]) -> int:
    """How many at most, 0 for all: what is below is all too, as in Kubernetes."""
    text = query.get("limit", "") or "0"
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 19 or int(digits) >= 1 << 63:
        raise BadRequest(f'invalid value for limit: "{text[:40]}"', hint="write a whole number")
    return min(max(int(text), 0), MOST)


def _invalid(field: str, why: str) -> Invalid:
    return Invalid(f"ListOptions.meta.k8s.io is invalid: {field}: {why}", causes=(Cause(field, why),))
