"""What must survive the agent, in small files below its data directory.

One file per VPS that has something to remember (`vps/UID.json`: a restart that has begun, a run that was
ended on purpose), one for the node, one for where the API is, one for the history of the store, one for a
person's word about the engine. Written whole, before the deed they are about; what takes room away does not
wait for that (data_dir.py). Most VPSes have no file, so that nothing is written on the way to a start.
"""

import dataclasses
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from kohakuriver import errors
from kohakuriver.agent.data_dir import DataDir
from kohakuriver.agent.deciding.memory import Copying, Durable, Fill, Filling, Recreation, Restart
from kohakuriver.agent.deciding.room import Held
from kohakuriver.agent.deciding.unused import Fetched
from kohakuriver.agent.quarantine import Quarantine, Seen

log = logging.getLogger(__name__)

ACCEPTANCE: Final = "accept-engine"  # an empty file, which `up --accept-engine` makes


@dataclasses.dataclass(frozen=True, slots=True)
class NodeFacts:
    """What the agent of this data directory knew when it last ran."""

    agent_id: str = ""  # tells this agent from another of the same node name
    boot_id: str = ""
    has_sentinel: bool = False  # whether it left its mark in the engine
    session_key: str = ""  # the secret by which API servers know this agent from whoever has its token


class Journal:
    """The files below one data directory."""

    def __init__(self, folder: Path, *, disk: DataDir | None = None) -> None:
        self._disk = disk or DataDir(folder)
        self._wanted = self._noted = Seen()  # of the store: what is to be on disk, and what is
        self._vpses = folder / "vps"
        self._node = folder / "node.json"
        self._history = folder / "history.json"
        self._servers = folder / "servers.json"
        self._acceptance = folder / ACCEPTANCE
        self._held = folder / "over-disk.json"
        self._fetched = folder / "images.json"

    def load(self) -> dict[str, Durable]:
        """Every entry, by uid. One that cannot be read is left out, and said."""
        found = {}
        for path in sorted(self._vpses.glob("*.json")):
            content = _read(path)
            if content is not None:
                found[path.stem] = _durable(content)
        return found

    async def save(self, uid: str, durable: Durable) -> None:
        """On disk when this returns. Raises OSError."""
        await self._disk.note(self._path(uid), json.dumps(dataclasses.asdict(durable)))

    def remove(self, uid: str) -> None:
        """The VPS is gone; so is its entry soon."""
        self._disk.put(self._path(uid), None)

    def load_node(self) -> NodeFacts:
        content = _read(self._node) if self._node.exists() else None
        known = content or {}
        return NodeFacts(
            agent_id=str(known.get("agent_id") or ""),
            boot_id=str(known.get("boot_id") or ""),
            has_sentinel=bool(known.get("has_sentinel")),
            session_key=str(known.get("session_key") or ""),
        )

    def begin_node(self, facts: NodeFacts) -> None:
        """Before an agent first acts under this name. Raises ConfigError."""
        try:
            self._disk.write(self._node, json.dumps(dataclasses.asdict(facts)))
        except OSError as error:
            raise errors.ConfigError(
                f"an agent cannot begin here: {self._disk.words(error)}",
                hint="make room on that disk, or name another --data-dir",
            ) from error

    def keep_node(self, facts: NodeFacts) -> None:
        """On disk when this returns, before anybody hears of them; later where the disk refuses now."""
        try:
            self._disk.write(self._node, json.dumps(dataclasses.asdict(facts)))
        except OSError as error:
            log.warning("the secret of this agent is not kept yet", extra={"error": self._disk.words(error)})
            self.save_node(facts)

    def save_node(self, facts: NodeFacts) -> None:
        self._disk.put(self._node, json.dumps(dataclasses.asdict(facts)))

    def engine_is_accepted(self) -> bool:
        """Whether a person has said that this engine is the node's, though it is another than before."""
        return self._acceptance.exists() and not self._disk.is_waiting(self._acceptance)

    def use_acceptance_up(self) -> None:
        """It was for the engine that there is now, and for no later one."""
        self._disk.put(self._acceptance, None)

    def load_servers(self) -> tuple[str, ...]:
        """The API servers there were: one of them may be there when the configured one is not."""
        content = _read(self._servers) if self._servers.exists() else None
        return tuple(str(url) for url in (content or {}).get("servers") or ())

    def save_servers(self, urls: Sequence[str]) -> None:
        self._disk.put(self._servers, json.dumps({"servers": urls}))

    def load_seen(self) -> Seen:
        content = (_read(self._history) if self._history.exists() else None) or {}
        kept = content.get("quarantine")
        self._wanted = self._noted = Seen(
            history=str(content.get("history") or ""),
            revision=int(content.get("revision") or 0),
            quarantine=Quarantine(kept["id"], kept["since"], kept["why"]) if kept else None,
        )
        return self._noted

    def save_seen(self, seen: Seen) -> None:
        """Soon; `settle_seen` waits for it."""

        def written() -> None:
            self._noted = seen

        self._wanted = seen
        self._disk.put(self._history, json.dumps(dataclasses.asdict(seen)), written)

    def load_held(self) -> dict[str, Held]:
        """The VPSes that were stopped for their disk, by uid."""
        content = (_read(self._held) if self._held.exists() else None) or {}
        try:
            return {
                uid: Held(str(one["why"]), (int(one["asked"][0]), str(one["asked"][1])))
                for uid, one in content.items()
            }
        except (KeyError, IndexError, TypeError, ValueError) as error:
            _warn(self._held, error)
            return {}

    def save_held(self, held: Mapping[str, Held]) -> None:
        content = {uid: dataclasses.asdict(one) for uid, one in held.items()}
        self._disk.put(self._held, json.dumps(content) if content else None)

    def load_fetched(self) -> dict[str, Fetched]:
        """The images that this agent has brought to the engine, by their full names."""
        content = (_read(self._fetched) if self._fetched.exists() else None) or {}
        try:
            return {name: Fetched(str(one["id"]), float(one["used"])) for name, one in content.items()}
        except (KeyError, TypeError, ValueError) as error:
            _warn(self._fetched, error)
            return {}

    def save_fetched(self, fetched: Mapping[str, Fetched]) -> None:
        content = {name: dataclasses.asdict(one) for name, one in fetched.items()}
        self._disk.put(self._fetched, json.dumps(content))

    async def settle_seen(self) -> None:
        """Wait until the disk says which history this node is in, and its quarantine. Raises OSError."""
        wanted, noted = self._wanted, self._noted
        if (wanted.history, wanted.quarantine) != (noted.history, noted.quarantine):
            await self._disk.settle(self._history)

    def _path(self, uid: str) -> Path:
        return self._vpses / f"{Path(uid).name}.json"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        _warn(path, error)
        return None
    return content if isinstance(content, dict) else None


def _warn(path: Path, error: Exception) -> None:
    log.warning("a journal file cannot be read", extra={"path": str(path), "error": str(error)})


def _durable(content: dict[str, Any]) -> Durable:
    restart = content.get("restart")
    return Durable(
        handled_request=content.get("handled_request") or "",
        restart=Restart(restart["request"], restart.get("run")) if restart else None,
        stopped_run=content.get("stopped_run"),
        login=content.get("login"),
        recreation=_recreation(content.get("recreation")),
        recreated=bool(content.get("recreated")),
        copying=_copying(content.get("copying")),
        passed_over=int(content.get("passed_over") or 0),
        passed_why=content.get("passed_why") or "",
        filling=_filling(content.get("filling")),
    )


def _copying(content: dict[str, Any] | None) -> Copying | None:
    if not content:
        return None
    unsure = bool(content.get("unsure"))
    return Copying(content["container"], content.get("run"), content["engine"], unsure)


def _recreation(content: dict[str, Any] | None) -> Recreation | None:
    if content is None:
        return None
    return Recreation(
        old=content["old"],
        run=content.get("run"),
        image=content.get("image") or "",
        base=content.get("base") or "",
        volumes=tuple((name, target) for name, target in content.get("volumes") or ()),
        word=int(content.get("word") or 0),
        snapshot=content.get("snapshot") or "",
        kept_as=content.get("kept_as") or "",
    )


def _filling(content: dict[str, Any] | None) -> Filling | None:
    if content is None:
        return None
    volumes = tuple(Fill(**one) for one in content["volumes"])
    return Filling(**{**content, "volumes": volumes})
