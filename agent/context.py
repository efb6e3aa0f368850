"""What everything that acts on this node's containers shares, with the three acts that all of it needs: to
look, to say and to ask the API. containers.py, start.py and recreate.py stand on it. Decides nothing."""

import dataclasses

from kohakuriver.agent.commits import Commits
from kohakuriver.agent.deciding.actions import Tell
from kohakuriver.agent.images.images import Images
from kohakuriver.agent.login.access import Access
from kohakuriver.agent.machine.gpus import Devices
from kohakuriver.agent.machine.staging import Staging
from kohakuriver.agent.roster import Entry, Roster
from kohakuriver.agent.runtime.base import Runtime
from kohakuriver.agent.runtime.errors import ContainerSilent, RuntimeTimeout
from kohakuriver.agent.settings import Settings
from kohakuriver.agent.snapshots.jobs import Jobs
from kohakuriver.agent.snapshots.takes import Takes
from kohakuriver.agent.surroundings import Surroundings
from kohakuriver.client.events import Recorder
from kohakuriver.client.rest import Client, Object
from kohakuriver.client.watch import Informer
from kohakuriver.clock import Clock
from kohakuriver.resources import kinds


@dataclasses.dataclass(frozen=True)
class Node:
    """One node: its engine, what is known of it, and the API."""

    settings: Settings
    clock: Clock
    client: Client
    recorder: Recorder  # of Events
    vpses: Informer  # that are bound here
    snapshots: Informer  # whose files are here
    runtime: Runtime
    roster: Roster  # the VPSes and containers, as last seen
    images: Images
    commits: Commits  # that the engine is at
    takes: Takes  # snapshots that are being taken
    jobs: Jobs  # on files of VPSes, that may take long
    staging: Staging  # where what VPSes mount is held ready
    access: Access  # who may log in
    devices: Devices
    surroundings: Surroundings

    async def look(self, entry: Entry) -> None:
        """See how the container is now. Raises ContainerSilent where the engine does not answer for it."""
        entry.stale = False
        known = self.roster.of(entry)
        asked = known.id if known is not None else entry.desired.container_name
        try:
            found = await self.runtime.inspect(asked)
        except RuntimeTimeout as error:
            raise ContainerSilent(entry.desired.container_name) from error
        if found is not None:
            self.roster.put(found)
        elif known is not None:
            self.roster.drop(known.id)

    def tell(self, entry: Entry, event: Tell) -> None:
        """Say it as an Event of the VPS."""
        desired = entry.desired
        meta = {"name": desired.name, "namespace": desired.namespace, "uid": desired.uid}
        about = {"apiVersion": kinds.VPS.api_version, "kind": kinds.VPS.kind, "metadata": meta}
        say = self.recorder.normal if event.type == "Normal" else self.recorder.warning
        say(about, event.reason, event.message)

    async def act(self, entry: Entry, verb: str, **more: object) -> Object:
        """A named transaction about this placement. Raises KohakuRiverError."""
        desired = entry.desired
        body = {"uid": desired.uid, "epoch": desired.epoch, **more}
        return await self.client.act(kinds.VPS, desired.name, verb, body, namespace=desired.namespace)
