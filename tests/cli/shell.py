"""Command lines as somebody types them, against the real API server on the in-memory store.

The fixture `shell` (conftest.py) makes one. `put` stores objects as they are, past every rule: it stands in
for the programs that write status.
"""

import asyncio
import dataclasses
import shlex
from pathlib import Path
from typing import Any

from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put
from kohakuriver.cli.main import run
from kohakuriver.client import config
from kohakuriver.client.config import Connection
from kohakuriver.resources.kinds import ResourceType
from tests.apiserver.api import Api, token_of

Json = dict[str, Any]


@dataclasses.dataclass
class Shell:
    """Runs command lines of one user, and hands back what they print."""

    api: Api
    folder: Path
    capture: Any
    url: str = ""  # where the commands look for the server; the server itself by default

    async def __call__(self, line: str, *, user: str = "admin") -> tuple[int, str, str]:
        code = await asyncio.to_thread(run, self.words(line, user=user))
        shown = self.capture.readouterr()
        told = f" --config {self.config(user)}"  # in what is to be typed next: nobody here typed it
        return code, shown.out.replace(told, ""), shown.err.replace(told, "")

    def words(self, line: str, *, user: str = "admin") -> list[str]:
        first, dashes, rest = line.partition(" -- ")
        tail = [dashes.strip(), *shlex.split(rest)] if dashes else []
        return [*shlex.split(first), "--config", str(self.config(user)), *tail]

    def config(self, user: str = "admin") -> Path:
        file = self.folder / f"config-{user}"
        config.write(
            file, Connection(self.url or self.api.url, token=token_of(user)), cluster="test", user=user
        )
        return file

    def write(self, text: str, name: str = "dev.yaml") -> Path:
        file = self.folder / name
        file.write_text(text)
        return file

    async def put(self, resource: ResourceType, obj: Json) -> None:
        key = codec.key(resource, obj["metadata"].get("namespace"), obj["metadata"]["name"])
        await self.api.store.commit(expect={}, writes=[Put(key, codec.encode(obj))])

    async def get(self, resource: ResourceType, name: str) -> Json:
        namespace = "default" if resource.namespaced else None
        record = await self.api.store.get(codec.key(resource, namespace, name))
        assert record is not None, f"{resource.singular}/{name} is not there"
        return codec.decode(record)
