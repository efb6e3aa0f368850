"""What a test can say about the fake engine's world: images, programs, registries, and what goes wrong."""

import collections
import dataclasses
from collections.abc import Mapping

from kohakuriver.agent.runtime.base import File, Image
from kohakuriver.agent.runtime.errors import EngineError


@dataclasses.dataclass(frozen=True, slots=True)
class FakeImage:
    """An image: what it is, and which files it has."""

    id: str
    size: int = 2_000_000
    paths: frozenset[str] = frozenset({"/bin/sh", "/etc/shadow"})
    files: Mapping[str, File] = dataclasses.field(default_factory=dict)  # that a commit brought in
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    built: str = "2026-01-31T12:00:00Z"
    volumes: tuple[str, ...] = ()  # paths that its maker declared

    def seen(self) -> Image:
        return Image(id=self.id, size=self.size, labels=self.labels, built=self.built)


@dataclasses.dataclass(frozen=True, slots=True)
class Program:
    """What a container's main process does by itself, and how it takes being asked to end."""

    runs_for: float | None = None  # seconds; None is for ever
    exit_code: int = 0
    oom: bool = False
    ends_after: float = 0.0  # seconds from TERM to its end
    code_on_term: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Pull:
    """An image in the registry: how long it takes to fetch, or why it cannot be."""

    image: FakeImage
    seconds: float = 0.0
    error: str | None = None
    private: bool = False  # it is given to those alone who ask as the node


@dataclasses.dataclass(slots=True)
class Switches:
    """What goes wrong. Keys of the maps are names of `Runtime` methods."""

    is_away: bool = False  # nothing listens on its socket
    hangs: bool = False  # it takes calls and never answers
    hangs_at: dict[str, set[str]] = dataclasses.field(default_factory=dict)  # or those of containers, by id
    loses_events: bool = False
    delays: dict[str, float] = dataclasses.field(default_factory=dict)  # seconds before it acts
    lost_replies: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    late: dict[str, float] = dataclasses.field(default_factory=dict)  # answered never, done after seconds
    refusals: dict[str, EngineError] = dataclasses.field(default_factory=dict)
    left_behind: dict[str, int] = dataclasses.field(default_factory=dict)
    """Containers, by id, of which a run is not over for the engine, and how many processes live of that."""
    warnings: tuple[str, ...] = ()  # to every create
    ignores_updates: bool = False  # it answers them, and changes nothing
    blind: str = ""  # why processes of containers cannot be told
    ports_of_strangers: dict[int, str] = dataclasses.field(default_factory=dict)
