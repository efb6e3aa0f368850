"""What `vps create --from-snapshot` finds out first: is it there, can it be used, which volumes are in it?"""

import dataclasses

from kohakuriver import errors
from kohakuriver.cli import absent, failures, screen
from kohakuriver.cli.api.http import Api
from kohakuriver.cli.view import snapshots
from kohakuriver.cli.vps.manifest import Wanted
from kohakuriver.resources import kinds
from kohakuriver.resources.view import Snapshot


def of(api: Api, wanted: Wanted) -> Wanted:
    """The same, with the volumes of its Snapshot. Raises NotFound, and Conflict where it cannot."""
    name = (wanted.snapshot or "").removeprefix("snapshot/").rpartition("@")[2]
    found = Snapshot.of(absent.get(api, kinds.SNAPSHOT, name, namespace=api.namespace))
    why = snapshots.unusable(found)
    if why:
        raise errors.Conflict(
            f"{snapshots.title(name)} cannot be used: {why}",
            hint=f"see how it stands: kohakuriver vps snapshots {found.vps.text('name')}",
        )
    node = wanted.target.node if wanted.target else ""
    if node and node != found.node:
        raise failures.UsageError(
            f"{snapshots.title(name)} lies on node {found.node}, and a VPS that begins from it runs there",
            hint="leave --target out",
        )
    named = {field: {one[field] for one in wanted.volumes} for field in ("name", "target")}
    more = tuple(
        {field: one.text(field) for field in named}
        for one in found.volumes
        if one.text("name") and not any(one.text(field) in there for field, there in named.items())
    )
    if more:
        shown = ", ".join(f"{one['name']} at {one['target']}" for one in more)
        screen.note(f"with the volumes of the snapshot: {shown}")
    return dataclasses.replace(wanted, snapshot=name, volumes=(*wanted.volumes, *more))
