"""Why a node cannot give what is asked for, in words with numbers. A value only."""

import dataclasses

RESOURCES = "spec.resources"
PLACEMENT_NUMA = "spec.placement.numa"
PLACEMENT_GPUS = "spec.placement.gpus"
SSH = "spec.ssh"


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """`field` is the part of the spec that asks for too much."""

    message: str
    field: str = RESOURCES

    def beside(self, other: "Refusal") -> "Refusal":
        """Both, one after the other."""
        return Refusal(f"{self.message}; {other.message}", self.field)
