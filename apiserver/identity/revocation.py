"""Credentials that are refused although they are known: of nodes given up, or whose token was stolen.

`node_revoking.py` and `node_forgetting.py` write one record for each node name; the cache's one watch feeds
every API server's `Revocations`, which `middleware.py` asks at each request of a node (CORRECTNESS 4). A new
token for a node of the same name is another credential.
"""

from collections.abc import Iterable
from typing import Any

import orjson

from kohakuriver import errors
from kohakuriver.apiserver.identity.identity import User
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put, Record

Json = dict[str, Any]


def key(node: str) -> str:
    """Where a node's revocation lies."""
    return codec.REVOKED + node


def hashes(record: Record | None) -> frozenset[str]:
    """What a record revokes."""
    return frozenset(_parsed(record.value).get("tokens", ())) if record is not None else frozenset()


def write(
    node: str, record: Record | None, *, tokens: Iterable[str], by: str, now: str, forgotten: bool = True
) -> Put:
    """The record with these hashes, beside those that it has already; `forgotten`: the node was given up."""
    before = _parsed(record.value) if record is not None else {}
    all_ = sorted({*before.get("tokens", ()), *tokens})
    value = {
        "node": node,
        "since": before.get("since", now),
        "by": by,
        "forgotten": forgotten,
        "tokens": all_,
    }
    if not set(all_) <= set(before.get("tokens", ())):
        value["since"] = now
    return Put(key(node), orjson.dumps(value))


class Revocations:
    """The hashes that are refused, and why."""

    def __init__(self) -> None:
        self._by_key: dict[str, Json] = {}

    def apply(self, key_: str, record: Record | None) -> None:
        """Take over one change."""
        self._by_key.pop(key_, None)
        if record is not None:
            self._by_key[key_] = _parsed(record.value)

    def replace(self, records: Iterable[Record]) -> None:
        """Take over a whole new listing."""
        self._by_key = {record.key: _parsed(record.value) for record in records}

    @property
    def hashes(self) -> frozenset[str]:
        """All of them."""
        return frozenset(digest for one in self._by_key.values() for digest in one.get("tokens", ()))

    def check(self, user: User, digest: str) -> None:
        """Raise Forbidden if this credential was revoked."""
        if user.node is None:
            return
        found = self._by_key.get(key(user.node))
        if found is None or digest not in found.get("tokens", ()):
            return
        who = f"by {found.get('by')} at {found.get('since')}"
        words = (
            f"the credential of node {user.node} was revoked {who} (`kohakuriver node revoke {user.node}`)"
        )
        if found.get("forgotten", True):
            words = (
                f"node {user.node} was given up {who} "
                f"(`kohakuriver node forget {user.node} --destroyed`), and its credential was revoked"
            )
        raise errors.Forbidden(
            words,
            hint="its containers are left alone; to take this machine in again, join it with a new token: "
            f"kohakuriver node join {user.node}; for the node of `up`: down, take agent.config away from its "
            "folder, up",
            causes=(errors.Cause("", words, "NodeForgotten"),),
            details={"name": user.node or "", "kind": "nodes", "group": "kohakuriver.io"},
        )


def _parsed(value: bytes) -> Json:
    try:
        content = orjson.loads(value)
    except orjson.JSONDecodeError:
        return {}
    is_one = isinstance(content, dict) and isinstance(content.get("tokens", []), list)
    return {**content, "tokens": [*map(str, content.get("tokens", []))]} if is_one else {}
