"""What can go wrong between the agent and its container engine.

    EngineError                 message, hint
    ├── RuntimeUnavailable      the engine is not there; nothing was done; retryable
    ├── RuntimeTimeout          no answer in time, or it hung up: outcome unknown, look again
    ├── NotFound                no such container
    ├── NameTaken               a container of that name exists; `container_id` says which
    ├── ImageMissing            the engine does not have the image
    ├── ImagePullFailed         the registry or the engine refused; `own` says why, `said` is the engine's
    ├── PortTaken               somebody else listens on the host port; `holder` in words
    ├── WrongState              not possible in the container's present state
    │   └── RunLeftBehind       it was not started, as an earlier run of it is not over for the engine
    ├── RemovalInProgress       the engine is still removing it
    └── EngineRefused           any other refusal, in the engine's words
        ├── ContainerRefused    it does not make or start a container so configured, however often asked
        ├── ImageNotOnNode      the image comes from no registry, or may not be pulled
        ├── ImageOfAnother      the image is there for somebody else's use
        └── EngineUnsuited      it has no version of its API that is spoken here

Each implementation of the runtime maps its own failures to these once; nothing above it sees others.
"""

from collections.abc import Collection

from kohakuriver import image_name
from kohakuriver.errors import KohakuRiverError

WITHHELD = (
    "this node has credentials for that registry, and uses them for images of Environments alone: an "
    "administrator can make one (kohakuriver env create NAME --image IMAGE), or start the agent with "
    "--registry-credentials-for all"
)


class EngineError(KohakuRiverError):
    """The engine did not do what was asked."""


class RuntimeUnavailable(EngineError):
    """The engine could not be reached: nothing was done, and trying again later makes sense."""


class RuntimeTimeout(EngineError):
    """The engine did not answer in time or hung up: it may or may not have done it."""


class ContainerSilent(RuntimeTimeout):
    """The engine does not answer what is asked about one container."""

    def __init__(self, container: str) -> None:
        super().__init__(
            f"the engine does not answer for container {container}: what was last known of it stands",
            hint="others are not affected; if it does not pass, restart the engine or the machine",
        )


class NotFound(EngineError):
    """The engine has no such container."""


class NameTaken(EngineError):
    """A container of this name exists already: perhaps an earlier try of ours."""

    def __init__(self, message: str, *, container_id: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.container_id = container_id


class ImageMissing(EngineError):
    """The engine does not have the image."""

    def __init__(self, image: str) -> None:
        super().__init__(f"the node does not have the image {image}")
        self.image = image


class ImagePullFailed(EngineError):
    """The image could not be fetched: `own` in a few words, `said` in the engine's."""

    def __init__(self, own: str, *, said: str = "", reason: str = "", hint: str = "") -> None:
        super().__init__(f"{own}: {said}" if said else own, hint=hint)
        self.own = own
        self.said = said
        self.reason = reason  # of `reasons.py`, where another try seldom helps


def bring(image: str) -> str:
    """What is to be done that the node has this image, one of KohakuRiver's own."""
    if image_name.own(image) == f"{image_name.OWN}debian-ssh:latest":
        return "it is built on the node: run `kohakuriver image build` there, as root"
    return "load it on the node with `docker load`, or name another image"


def foreign(image: str) -> ImagePullFailed:
    """It is named like KohakuRiver's own images: what a registry had under that name, all VPSes would get."""
    return ImagePullFailed(
        f"the node does not have {image}, and images named {image_name.OWN}… come from no registry",
        hint=bring(image),
    )


class PortTaken(EngineError):
    """A host port that the container wants to publish is in use."""

    def __init__(
        self, message: str, *, port: int | None, holder: str | None, others: Collection[int] = ()
    ) -> None:
        super().__init__(message)
        self.port = port
        self.holder = holder
        self.others = frozenset(others)  # what else is in use on the node, as far as is known

    @property
    def is_left_behind(self) -> bool:
        """Whether the engine's own proxy has it, for no container: that of a start which came to nothing."""
        return (self.holder or "").startswith("docker-proxy")


class WrongState(EngineError):
    """The container is in a state in which this cannot be done."""


class TooManyStops(EngineError):
    """The namespace of the VPS has as many long stops under way on this node as it may."""

    def __init__(self, namespace: str, held: int) -> None:
        super().__init__(
            f"{held} VPSes of namespace {namespace} are being stopped on this node: no more at once",
            hint="it is stopped once one of them is; a VPS with a short stopGracePeriod is stopped at once",
        )


class RunLeftBehind(WrongState):
    """The engine shows the container as ended, and holds a run of it for which it does not start another."""


class RemovalInProgress(EngineError):
    """An earlier removal has not come to its end."""


class EngineRefused(EngineError):
    """The engine said no, in the words of the message."""


class ContainerRefused(EngineRefused):
    """The engine says that what the container is to be makes no sense to it."""


class ImageNotOnNode(EngineRefused):
    """The node does not have the image, and will not fetch it."""


class ImageOfAnother(EngineRefused):
    """The image is not for this VPS."""


class EngineUnsuited(EngineRefused):
    """The engine is older or newer than what this program can work with."""
