"""The further columns of `vps list -o wide`. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from kohakuriver.cli.view import standing
from kohakuriver.cli.view.standing import Reader
from kohakuriver.cli.view.table import Row
from kohakuriver.resources.view import VPS

TITLES = ["IMAGE", "CONTAINER", "RESTARTS", "ADDRESS"]

Object = dict[str, Any]


class Wide(NamedTuple):
    """What they are made from."""

    nodes: Mapping[str, Object]
    reader: Reader

    def cells(self, vps: Object) -> Row:
        """One VPS's; ADDRESS is the host that its SSH port is on."""
        found = VPS.of(vps)
        environment, container = found.spec.environment, found.observed.container
        address = ""
        if found.grant.ssh_port:
            address = standing.address(vps, self.nodes.get(found.node), reader=self.reader)
        return [
            f"environment/{environment}" if environment else found.spec.image or "-",
            container.name or "-",
            "-" if container.restarts is None else str(container.restarts),
            address or "-",
        ]
