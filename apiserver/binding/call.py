"""One write as it is asked for; goes down whole, from the route to what decides. Values only."""

import dataclasses

from kohakuriver import errors
from kohakuriver.apiserver.binding.outcome import WriteOptions
from kohakuriver.apiserver.identity.identity import User
from kohakuriver.apiserver.store import codec
from kohakuriver.resources.kinds import ResourceType

PLAIN = WriteOptions()


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """Who wants to write which object, and how it is meant."""

    user: User
    resource: ResourceType
    namespace: str | None
    name: str = ""  # empty in a create: its body has it
    subresource: str = ""  # or the named transaction
    options: WriteOptions = PLAIN

    @property
    def key(self) -> str:
        """Where the object lies."""
        return codec.key(self.resource, self.namespace, self.name)

    def check_writable(self) -> None:
        """Raises MethodNotAllowed for a kind that the server alone writes."""
        if self.resource.read_only:
            raise errors.MethodNotAllowed(
                f"{self.resource.plural} are written by the server alone",
                hint="they follow from where VPSes are bound",
            )
