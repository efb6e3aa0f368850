"""Relative keys and records on one side, etcd's bytes and key-values on the other. Pure."""

import dataclasses
from typing import Any

from kohakuriver.apiserver.store.base import Change, Record


@dataclasses.dataclass(frozen=True, slots=True)
class Keyspace:
    """The part of etcd below `prefix`, which ends in a slash and never shows outside."""

    prefix: str

    @classmethod
    def below(cls, prefix: str) -> "Keyspace":
        return cls(prefix.rstrip("/") + "/")

    def encode(self, key: str) -> bytes:
        return (self.prefix + key).encode()

    def decode(self, key: bytes) -> str:
        return key.decode().removeprefix(self.prefix)

    def span(self, prefix: str, *, after: str | None = None) -> tuple[bytes, bytes]:
        """First key and the end, exclusive, of what lies under `prefix` and behind `after`."""
        first = self.encode(prefix)
        start = first if after is None else max(first, self.encode(after) + b"\0")
        return start, first[:-1] + bytes([first[-1] + 1])  # UTF-8 never has 0xff

    def record(self, stored: Any) -> Record:
        return Record(
            key=self.decode(stored.key),
            value=stored.value,
            revision=stored.mod_revision,
            created=stored.create_revision,
        )

    def change(self, event: Any) -> Change:
        return Change(
            key=self.decode(event.kv.key),
            record=None if event.type == event.DELETE else self.record(event.kv),
            revision=event.kv.mod_revision,
        )
