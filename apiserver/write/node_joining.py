"""`POST nodes/NAME/join`: a machine with a join token gets a credential of its own, as the node of that name.

The machine makes the secret itself and sends its hash, so a lost answer is mended by asking again: the same
hash finds what it made. The credential is the Token `node-NAME`. A name that somebody has is given away only
to a token that was made for it, and then the credential there was is good no more (CORRECTNESS 21).
"""

import re
from typing import Any, Protocol

from kohakuriver import errors
from kohakuriver.apiserver.admission import admission
from kohakuriver.apiserver.binding import grants
from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.binding.orders import Records
from kohakuriver.apiserver.binding.outcome import Written
from kohakuriver.apiserver.binding.steps import Step
from kohakuriver.apiserver.binding.transact import transact
from kohakuriver.apiserver.identity import revocation
from kohakuriver.apiserver.identity.credentials import Credentials
from kohakuriver.apiserver.identity.identity import User
from kohakuriver.apiserver.objects import metadata, objects
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put, Record
from kohakuriver.apiserver.write.node_revoking import Revoking
from kohakuriver.clock import timestamp
from kohakuriver.resources import kinds

Json = dict[str, Any]

_HASH = re.compile(r"[0-9a-f]{64}")


class Joining(Revoking, Protocol):
    """What it needs of the server."""

    @property
    def credentials(self) -> Credentials: ...


async def join(server: Joining, call: Call, body: Json) -> Written:
    """Make the credential, and answer with its Token."""
    user, name = call.user, call.name
    digest = _checked(user, name, body)
    token_key = codec.key(kinds.TOKEN, None, admission.node_token(name))
    keys = (token_key, grants.node_key(name), revocation.key(name))

    async def decide(records: Records) -> Step:
        there = _token(records[token_key])
        revoked = revocation.hashes(records[revocation.key(name)])
        if there is not None and there["spec"]["sha256"] == digest and digest not in revoked:
            return Step(there)
        if user.node is None:
            in_file = set(server.tokens.of_node(name)) - revoked
            has_token = there is not None and there["spec"]["sha256"] not in revoked
            _check_free(name, taken=bool(records[grants.node_key(name)] or in_file or has_token))
        _check_new(server, name, digest, revoked)
        new = _new(name, digest, by=user, now=timestamp(server.clock.now()))
        return Step(new, (Put(token_key, codec.encode(new)),), created=True)

    return await transact(server, keys, decide, about=(kinds.NODE, name))


def _checked(user: User, name: str, body: Json) -> str:
    """The hash that was sent. Raises BadRequest, Invalid or Forbidden."""
    digest = str(body["sha256"])
    if not _HASH.fullmatch(digest):
        raise errors.BadRequest("sha256: expected 64 hexadecimal digits in lower case")
    metadata.check(kinds.NODE, {"name": name})
    if user.node is not None and user.node != name:
        raise errors.Forbidden(
            f'nodes.kohakuriver.io "{name}" is forbidden: this join token is for node {user.node} alone',
            hint=f"join as that one (--node {user.node}), or ask for a token for {name}",
            details=objects.reference(kinds.NODE, name),
        )
    return digest


def _token(record: Record | None) -> Json | None:
    """The node's Token; none that is being deleted."""
    token = codec.decode(record) if record is not None else None
    return None if token is None or token["metadata"].get("deletionTimestamp") else token


def _check_free(name: str, *, taken: bool) -> None:
    if taken:
        raise objects.conflict(
            kinds.NODE,
            name,
            "there is a node of this name already, and this join token is for new ones",
            hint="name this machine otherwise with --node; if it is that very node, and its agent.config is "
            f"lost, make a token for it: kohakuriver node join {name}",
        )


def _check_new(server: Joining, name: str, digest: str, revoked: frozenset[str]) -> None:
    """A hash stands for one credential, and what was revoked stays so."""
    other = server.credentials.name_of(digest)
    if digest in revoked or digest in server.tokens.users or other not in (None, admission.node_token(name)):
        raise objects.conflict(
            kinds.NODE,
            name,
            "this secret is, or was, another credential's",
            hint="remove agent.config and agent.joining from the agent's --data-dir, and join again",
        )


def _new(name: str, digest: str, *, by: User, now: str) -> Json:
    spec = {"sha256": digest, "role": "node", "node": name, "user": f"node:{name}"}
    sent = {"name": admission.node_token(name), "annotations": {"kohakuriver.io/joined-by": by.name}}
    return {
        "apiVersion": kinds.TOKEN.api_version,
        "kind": kinds.TOKEN.kind,
        "metadata": metadata.new(kinds.TOKEN, sent, namespace=None, now=now),
        "spec": spec,
        "status": {},
    }
