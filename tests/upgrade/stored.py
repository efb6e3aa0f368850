"""What is in a cluster's etcd: which keys were written since when. No version of ours is in between."""

import base64
import dataclasses
import http.client
import json
import ssl
from pathlib import Path
from typing import Any

FIRST = base64.b64encode(b"\0").decode()  # as a range's end too, it means every key
RENEWED = "/leases/"  # what nodes and controllers write while nothing happens, every few seconds


@dataclasses.dataclass(frozen=True)
class Stored:
    """The etcd at a port, with the certificates of its cluster."""

    port: int
    pki: Path

    def revision(self) -> int:
        return int(self._range(limit=1)["header"]["revision"])

    def written_since(self, revision: int) -> list[str]:
        """The keys written after that revision which are still there, in order."""
        found = self._range(min_mod_revision=revision + 1).get("kvs") or []
        return sorted(base64.b64decode(one["key"]).decode() for one in found)

    def _range(self, **more: int) -> dict[str, Any]:
        context = ssl.create_default_context(cafile=str(self.pki / "etcd-ca.crt"))
        context.load_cert_chain(self.pki / "etcd.crt", self.pki / "etcd.key")
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=15, context=context)
        body = {"key": FIRST, "range_end": FIRST, "keys_only": True, **more}
        try:
            connection.request("POST", "/v3/kv/range", json.dumps(body))
            reply = connection.getresponse()
            answer: dict[str, Any] = json.loads(reply.read())
        finally:
            connection.close()
        assert reply.status == 200, answer
        return answer
