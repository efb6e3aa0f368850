"""The Snapshots that VPSes begin from: which image of this node has the files, and which volumes are in it.

Between the API's Snapshot objects and the names of images that the engine knows. Decides nothing. One of
another namespace, or of another node, is as good as none.
"""

from kohakuriver import image_name
from kohakuriver.agent.deciding.desired import Kept
from kohakuriver.agent.images.environments import Missing
from kohakuriver.client.rest import Object
from kohakuriver.client.watch import Informer, ObjectKey
from kohakuriver.placement.origin import Origin, origin_of
from kohakuriver.readable import UNREADABLE
from kohakuriver.resources import reasons


class Snapshots:
    """Those of one node, as of a moment ago."""

    def __init__(self, informer: Informer, *, node: str) -> None:
        self._informer = informer
        self._node = node

    @property
    def known(self) -> bool:
        """Whether the server has said which there are."""
        return self._informer.synced

    def uid(self, namespace: str, name: str) -> str:
        """That of a Snapshot that can be begun from; empty where there is none of that name."""
        held = self._get(namespace, name)
        return str(held["metadata"]["uid"]) if held and not self._origin(namespace, name).reason else ""

    def image(self, namespace: str, name: str) -> str:
        """The image with its files; empty where there is none of that name to begin from."""
        uid = self.uid(namespace, name)
        return image_name.of_snapshot(uid) if uid else ""

    def volumes(self, namespace: str, name: str) -> tuple[Kept, ...]:
        """The volumes in it."""
        status = (self._get(namespace, name) or {}).get("status") or {}
        return tuple(
            Kept(one.get("name") or "", one["target"], int(one["size"]), one["digest"])
            for one in status.get("volumes") or ()
        )

    def missing(self, namespace: str, name: str) -> Missing:
        """Why there is nothing to begin from."""
        if not self.known:
            words = f"what Snapshot {name} is has yet to be heard"
            return Missing(reasons.SNAPSHOT_NOT_READY, words)
        origin = self._origin(namespace, name)
        return Missing(origin.reason, origin.message)

    def _origin(self, namespace: str, name: str) -> Origin:
        vps = {"metadata": {"namespace": namespace}, "spec": {"filesFrom": {"snapshot": name}}}
        return origin_of(vps, self._get(namespace, name)) or Origin(name)

    def _get(self, namespace: str, name: str) -> Object | None:
        found = self._informer.get(ObjectKey(namespace, name))
        if found is None or UNREADABLE in found:
            return found
        return found if found["spec"]["vps"].get("node") == self._node else None
