"""The further columns of `vps list -o wide`. Pure."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from kohakuriver.cli.view import standing
from kohakuriver.cli.view.standing import Reader
from kohakuriver.cli.view.table import Row

TITLES = ["IMAGE", "CONTAINER", "RESTARTS", "ADDRESS"]

Object = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Wide:
    """What they are made from."""

    nodes: Mapping[str, Object]
    reader: Reader

    def cells(self, vps: Object) -> Row:
        """One VPS's; ADDRESS is the host that its SSH port is on."""
        spec, container = vps.get("spec") or {}, standing.observed_of(vps).get("container") or {}
        environment, restarts = spec.get("environment"), container.get("restarts")
        address = ""
        if standing.grant_of(vps).get("sshPort"):
            address = standing.address(vps, self.nodes.get(standing.node_of(vps)), reader=self.reader)
        return [
            f"environment/{environment}" if environment else str(spec.get("image") or "-"),
            str(container.get("name") or "-"),
            "-" if restarts is None else str(restarts),
            address or "-",
        ]
