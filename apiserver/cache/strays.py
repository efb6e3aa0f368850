"""What agents report that stands in the way of a placement: containers that no VPS accounts for.

A VPS that the store has forgotten, since it was restored from a backup, may be alive. Nothing of its name or
uid is placed anywhere while its container is there, so that it is never there twice. That holds for what has
the proof that the store once placed it on that node. What has none was made by an agent of before, or made
up: it counts in a restored store alone, and from a node in a quarantine that nobody has ended.

After a restore nothing is placed at all before every node has said which such containers it has, or a person
has said that it does not matter. Fed by the cache's one watch; asked by `bind`.
"""

import dataclasses
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from kohakuriver.apiserver.booking.proofs import Proofs
from kohakuriver.apiserver.store.base import Record
from kohakuriver.apiserver.store.lineage import History

Json = dict[str, Any]

_UID = re.compile(r"[0-9A-Za-z-]{1,64}")


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What one node's agent has said."""

    history: str  # of the store, when it looked
    accepts: str  # what a person has said of the node
    unknown: tuple[Json, ...]
    quarantine: str = ""  # its id, on a node that is in one

    @property
    def may_know_more(self) -> bool:
        """Whether the node says that the store went back in time, and no person has looked at it since."""
        return bool(self.quarantine) and self.quarantine != self.accepts

    @classmethod
    def of(cls, record: Record) -> "Report":
        """What cannot be read has not been said yet; what a person has said of the node still holds."""
        try:
            node = _mapping(orjson.loads(record.value))
        except ValueError:
            return cls("", "", ())
        status, spec = _mapping(node.get("status")), _mapping(node.get("spec"))
        unknown = status.get("unknown") or []
        listed = unknown if isinstance(unknown, list) else [unknown]
        named = tuple(one for one in listed if isinstance(one, dict))
        history = _text(status.get("history")) if len(named) == len(listed) else ""
        quarantine = _text(_mapping(status.get("quarantine")).get("id"))
        return cls(history, _text(spec.get("accepts")), named, quarantine)


class Strays:
    """The reports of all nodes."""

    def __init__(self) -> None:
        self._reports: dict[str, Report] = {}
        self._suspects: dict[str, Report] = {}  # of these, those that name containers; mostly none
        self._heard_all = ""  # the history in which every node was found to have spoken

    def apply(self, key: str, record: Record | None) -> None:
        """Take over one change of a Node."""
        name = key.rpartition("/")[2]
        self._heard_all = ""
        self._suspects.pop(name, None)
        if record is None:
            self._reports.pop(name, None)
            return
        report = self._reports[name] = Report.of(record)
        if report.unknown:
            self._suspects[name] = report

    def replace(self, records: Iterable[Record]) -> None:
        """Take over a whole new listing."""
        self._reports, self._suspects = {}, {}
        for record in records:
            self.apply(record.key, record)

    def obstacle(
        self, history: History, proofs: Proofs, *, namespace: str | None, name: str, uid: str
    ) -> str:
        """Why nothing may be placed under this name, with what to do about it; empty if it may."""
        for node, report in self._suspects.items():
            for one in report.unknown:
                if not is_of(one, namespace=namespace, name=name, uid=uid):
                    continue
                proved = proofs.hold(node, one)
                if proved or history.is_restored or report.may_know_more:
                    return _words(node, str(one["container"]), namespace, name, proved=proved)
        unheard = self._unheard(history) if history.is_restored and self._heard_all != history.id else []
        if unheard:
            return (
                f"the store was restored from a backup, and {', '.join(unheard[:3])} "
                f"{'has' if len(unheard) == 1 else 'have'} not said yet which containers are there: bring "
                f"the agent back, or, if they do not matter: kohakuriver node accept {unheard[0]}"
            )
        self._heard_all = history.id
        return ""

    def _unheard(self, history: History) -> list[str]:
        return sorted(
            node
            for node, report in self._reports.items()
            if history.id not in (report.history, report.accepts)
        )


def _words(node: str, container: str, namespace: str | None, name: str, *, proved: bool) -> str:
    doubt = "" if proved else f"; {node} alone says so, and nothing proves it"
    return (
        f"{node} has container {container} of it that the store does not know{doubt}; "
        f"to take it over: kohakuriver vps adopt {shlex.quote(name)} -n {shlex.quote(str(namespace))}; "
        f"if nobody needs it, on {node}: docker rm -f {shlex.quote(container)}"
    )


def is_of(unknown: Mapping[str, Any], *, namespace: str | None, name: str, uid: str) -> bool:
    """Whether this is a VPS's own container: by its name too, since copies carry the labels as well."""
    own = f"kohakuriver-{unknown.get('namespace')}-{unknown.get('vps')}-{str(unknown.get('uid'))[:8]}"
    if unknown.get("container") != own or not _UID.fullmatch(str(unknown.get("uid"))):
        return False
    return unknown.get("uid") == uid or (unknown.get("namespace"), unknown.get("vps")) == (namespace, name)


def _mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
