"""What `up` says that it waits for, until this machine's node is ready."""

from typing import Any

from kohakuriver import errors
from kohakuriver.cli.local.stack import NodeWatch
from kohakuriver.resources import kinds

LEASE = kinds.LEASE.path(namespace=kinds.NODE_LEASE_NAMESPACE, name="n1")
NODE = kinds.NODE.path(name="n1")


class Near:
    """An API server that has these objects."""

    def __init__(self) -> None:
        self.has: dict[str, dict[str, Any]] = {}

    def look(self, path: str) -> dict[str, Any]:
        try:
            return self.has[path]
        except KeyError:
            raise errors.NotFound(f"{path} not found") from None


def test_a_node_that_is_not_there_yet_is_no_error() -> None:
    near = Near()
    watch = NodeWatch(near, "n1")
    assert watch.look_before() == ""
    assert watch.missing() == "node n1 to report"
    near.has[LEASE] = {"metadata": {"resourceVersion": "7"}}
    assert watch.missing() == "node n1 to report"
    near.has[NODE] = {"status": {}}
    assert watch.missing() == "node n1 to report that it is Ready"
    near.has[NODE] = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    assert watch.missing() == ""
