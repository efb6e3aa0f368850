"""Reads the progress of an image pull, layer by layer, as one percentage. Pure."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from kohakuriver.agent.runtime import unpulled
from kohakuriver.agent.runtime.base import PullProgress

_HAS_BYTES: Final = {
    "Download complete",
    "Verifying Checksum",
    "Extracting",
    "Pull complete",
    "Already exists",
}


@dataclasses.dataclass(slots=True)
class _Layer:
    done: int = 0
    total: int = 0
    is_whole: bool = False

    @property
    def share(self) -> float:
        if self.is_whole:
            return 1.0
        return min(1.0, self.done / self.total) if self.total else 0.0


class PullMeter:
    """Takes the engine's lines, answers with progress whenever the percentage has risen.

    A layer weighs what it measures, once the engine has said so; before that, as much as the mean of
    the others. Unpacking is the last tenth: the engine reports it too roughly to be counted by bytes.
    """

    def __init__(self, reference: str) -> None:
        self._reference = reference
        self._layers: dict[str, _Layer] = {}
        self._unpacked: set[str] = set()
        self._percent: int | None = None

    def read(self, line: Mapping[str, Any]) -> PullProgress | None:
        """Progress, if this line made any. Raises ImagePullFailed when it is the engine's last word."""
        if error := line.get("error") or (line.get("errorDetail") or {}).get("message"):
            raise unpulled.refused(self._reference, str(error))
        status, name = line.get("status", ""), line.get("id")
        if not name or status.startswith("Pulling from"):
            return None
        self._note(name, status, line.get("progressDetail") or {})
        percent = self._measure()
        if percent == self._percent or percent < (self._percent or 0):
            return None
        self._percent = percent
        return PullProgress(percent=percent, message=f"pulling {percent} %")

    def _note(self, name: str, status: str, detail: Mapping[str, Any]) -> None:
        layer = self._layers.setdefault(name, _Layer())
        if status == "Downloading":
            layer.done, layer.total = detail.get("current") or 0, detail.get("total") or layer.total
        elif status in _HAS_BYTES:
            layer.is_whole = True
        if status in {"Pull complete", "Already exists"}:
            self._unpacked.add(name)

    def _measure(self) -> int:
        known = [layer.total for layer in self._layers.values() if layer.total]
        usual = sum(known) / len(known) if known else 1.0
        weights = {name: layer.total or usual for name, layer in self._layers.items()}
        fetched = sum(weights[name] * layer.share for name, layer in self._layers.items())
        unpacked = sum(weights[name] for name in self._unpacked)
        return int((90 * fetched + 10 * unpacked) / sum(weights.values()))
