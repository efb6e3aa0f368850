"""What `judge` can ask for, and containers.py can do. Those that take something away carry `why`."""

import dataclasses
from typing import Literal

from kohakuriver.agent.runtime.base import Limits


@dataclasses.dataclass(frozen=True, slots=True)
class PullImage:
    """Begin to fetch the image; the key is looked at again when that has ended."""

    image: str


@dataclasses.dataclass(frozen=True, slots=True)
class Create:
    """Make the container. `lost` is the one that was there before, if there was one."""

    lost: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class WriteFiles:
    """Write what lets people log in."""

    container_id: str


@dataclasses.dataclass(frozen=True, slots=True)
class Start:
    """Start the container."""

    container_id: str


@dataclasses.dataclass(frozen=True, slots=True)
class Update:
    """Limit the container to what is granted now."""

    container_id: str
    limits: Limits


@dataclasses.dataclass(frozen=True, slots=True)
class Stop:
    """End the container's processes; its files stay."""

    container_id: str
    grace: float  # seconds
    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class Pause:
    """Freeze the container's processes."""

    container_id: str
    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class Unpause:
    """Let frozen processes go on."""

    container_id: str
    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class Remove:
    """Remove the container with its files."""

    container_id: str
    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class SetAside:
    """Take the files of a container that is to be made anew into an image."""

    container_id: str


@dataclasses.dataclass(frozen=True, slots=True)
class MakeAnew:
    """Create the container again as it is declared now, from what was set aside; the old one stays."""


@dataclasses.dataclass(frozen=True, slots=True)
class Fill:
    """See to it that its volumes hold what its Snapshot has of them; what was in them stays beside."""


@dataclasses.dataclass(frozen=True, slots=True)
class PutBack:
    """Give its volumes back what was in them."""

    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class Settle:
    """Remove what was in its volumes before."""

    why: str = "a container has run with what the Snapshot has"


@dataclasses.dataclass(frozen=True, slots=True)
class Retire:
    """Remove the container whose place another has taken."""

    container_id: str
    why: str = "its place is taken by one made anew"


@dataclasses.dataclass(frozen=True, slots=True)
class Clean:
    """Remove what re-creations of a VPS have left: an old container, images."""

    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class RemoveVolumes:
    """Remove the volumes that are not to outlive the VPS."""

    names: tuple[str, ...]
    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class Reject:
    """Tell the API that this node will not create it as it is declared."""

    reason: str
    message: str


@dataclasses.dataclass(frozen=True, slots=True)
class Finish:
    """Tell the API that nothing of this placement is left here."""


@dataclasses.dataclass(frozen=True, slots=True)
class Tell:
    """Say something to the people who look at the VPS, as an Event."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


Action = (
    PullImage
    | Create
    | WriteFiles
    | Start
    | Update
    | Stop
    | Pause
    | Unpause
    | Remove
    | SetAside
    | MakeAnew
    | Fill
    | PutBack
    | Settle
    | Retire
    | Clean
    | RemoveVolumes
    | Reject
    | Finish
    | Tell
)
