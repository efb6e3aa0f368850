"""Proof that the store has bound a VPS to a node: a word that only the API servers can make.

`bind` puts it into the assignment, the agent into the labels of the container, and a Node's status shows it
again if the store has forgotten the placement. The key is made once with the store and lies in it, so every
backup has it; no route leads there.
"""

import contextlib
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any

from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put, Store, StoreConflict


class Proofs:
    """Makes and checks them."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, *, node: str, namespace: str, name: str, uid: str, epoch: int) -> str:
        """For this placement of this VPS on this node, and for no other."""
        text = json.dumps([node, namespace, name, uid, epoch])
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def hold(self, node: str, unknown: Mapping[str, Any]) -> bool:
        """Whether a container that the node reports was made for a placement that the store gave it."""
        said, epoch = unknown.get("proof"), unknown.get("epoch")
        if not isinstance(said, str) or type(epoch) is not int:
            return False
        texts = {field: str(unknown.get(field) or "") for field in ("namespace", "uid")}
        made = self.of(node=node, name=str(unknown.get("vps") or ""), epoch=epoch, **texts)
        return hmac.compare_digest(made.encode(), said.encode())


async def load(store: Store) -> Proofs:
    """With the store's key, which the first server to start makes."""
    while True:
        record = await store.get(codec.PROOF)
        if record is not None:
            return Proofs(record.value)
        with contextlib.suppress(StoreConflict):
            made = Put(codec.PROOF, secrets.token_hex(32).encode())
            await store.commit(expect={codec.PROOF: 0}, writes=[made])
