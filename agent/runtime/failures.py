"""What the Docker SDK raises, as the errors of errors.py. The only place that reads the engine's prose.

The engine's API tells most failures apart by a sentence alone, so the patterns here are those of the
engine's source, and the contract test holds them to a real engine.
"""

import contextlib
import re
from collections.abc import Iterator

import docker.errors
import requests.exceptions

from kohakuriver.agent.runtime.errors import (
    ContainerRefused,
    EngineError,
    EngineRefused,
    ImageMissing,
    NameTaken,
    NotFound,
    PortTaken,
    RemovalInProgress,
    RunLeftBehind,
    RuntimeTimeout,
    RuntimeUnavailable,
    WrongState,
)

_NAME_TAKEN = re.compile(r'container name "(?P<name>[^"]*)" is already in use by container "?(?P<id>\w+)')
_NO_CONTAINER = re.compile(r"No such container", re.IGNORECASE)
_NO_IMAGE = re.compile(r"No such image: (?P<image>\S+)", re.IGNORECASE)
_REMOVING = re.compile(r"removal of container .* is already in progress|marked for removal", re.IGNORECASE)
# Docker up to 27; 28 and later name the container's side of it as well, or leave it out.
_PORT_TAKEN = re.compile(
    r"(?:Bind for|listen \w+|listen) \S*?:(?P<port>\d+)"
    r"(?: failed: port is already allocated|: bind: address already in use)"
    r"|failed to bind host port (?:for )?(?:\[[^\]\s]*\]|[^\s:\[]+):(?P<host_port>\d+)(?::\S+)?/\w+:"
    r" address already in use"
)
_WRONG_STATE = re.compile(
    r"is (?:already |not )?(?:paused|running|restarting|unpaused)"
    r"|cannot start a paused container|You cannot remove a (?:running|paused|restarting) container",
    re.IGNORECASE,
)
# containerd's words, for what an engine that was killed has left in it (docs/design/003).
_LEFT_BEHIND = re.compile(
    r"\btask \w+: already exists|\bid already in use|cannot delete running task", re.IGNORECASE
)
_NO_DRIVER = re.compile(r"could not select device driver", re.IGNORECASE)  # for GPUs
_NOT_THERE = (FileNotFoundError, ConnectionRefusedError, PermissionError)


@contextlib.contextmanager
def mapped() -> Iterator[None]:
    """Raise what happens inside as one of ours."""
    try:
        yield
    except docker.errors.APIError as error:
        raise from_answer(error.status_code or 0, error.explanation or str(error)) from error
    except requests.exceptions.Timeout as error:
        raise RuntimeTimeout("the container engine did not answer in time") from error
    except (requests.exceptions.ConnectionError, docker.errors.DockerException, OSError) as error:
        raise from_connection(error) from error


def from_answer(status: int, message: str) -> EngineError:
    """What an answer of the engine that is not success means."""
    message = message.strip()
    if taken := _NAME_TAKEN.search(message):
        return NameTaken(f"a container named {taken['name'].lstrip('/')} exists", container_id=taken["id"])
    if image := _NO_IMAGE.search(message):
        return ImageMissing(image["image"])
    if port := _PORT_TAKEN.search(message):
        number = port["port"] or port["host_port"]
        return PortTaken(f"port {number} of the node is in use", port=int(number), holder=None)
    if _REMOVING.search(message):
        return RemovalInProgress("the engine is still removing the container")
    if status == 404 and _NO_CONTAINER.search(message):
        return NotFound("the engine has no such container")
    if _LEFT_BEHIND.search(message):
        return RunLeftBehind(message)
    if _WRONG_STATE.search(message):
        return WrongState(message)
    if status == 400 or _NO_DRIVER.search(message):
        return ContainerRefused(message or "the container engine takes no container like this")
    return EngineRefused(message or f"the container engine answered {status}")


def from_connection(error: BaseException) -> EngineError:
    """What a broken connection means: nothing was sent, or nobody knows."""
    for cause in _chain(error):
        if isinstance(cause, _NOT_THERE):
            return RuntimeUnavailable(f"no container engine answers: {_words(cause)}")
    return RuntimeTimeout(f"the container engine hung up: {_words(error)}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what it wraps in its arguments, and what caused it."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [current.__cause__, current.__context__]
        waiting += [argument for argument in current.args if isinstance(argument, BaseException)]


def _words(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
