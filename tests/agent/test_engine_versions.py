"""Which version of the engine's API all calls of the runtime speak, and what is said where there is none."""

from pathlib import Path

import pytest

from kohakuriver.agent.runtime.docker import DockerRuntime
from kohakuriver.agent.runtime.errors import EngineUnsuited
from tests.agent.engine_kit import CLUSTER, a_socket_engine


@pytest.mark.parametrize(
    ("newest", "oldest", "words"),
    [
        ("1.40", "1.12", r"too old: it has version 1\.40 of its API, and 1\.41 is needed: upgrade Docker"),
        ("1.24", "1.12", r"too old: it has version 1\.24 of its API"),
        ("1.9", "1.0", r"too old: it has version 1\.9 of its API"),
        ("1.60", "1.53", r"too new: it has version 1\.53 .* up to 1\.52: upgrade KohakuRiver on this node"),
        ("2.0", "2.0", r"too new: it has version 2\.0 of its API and later ones"),
        ("new", "1.12", "does not say which version of its API it has"),
    ],
)
async def test_every_call_to_an_engine_without_a_version_in_common_says_so(
    newest: str, oldest: str, words: str, tmp_path: Path
) -> None:
    async with a_socket_engine(tmp_path, "c1") as (engine, socket):
        engine.versions = {"ApiVersion": newest, "MinAPIVersion": oldest}
        runtime = DockerRuntime(cluster=CLUSTER, socket_path=socket)
        for call in (runtime.list, runtime.info, lambda: runtime.inspect("c1"), lambda: runtime.start("c1")):
            with pytest.raises(EngineUnsuited, match=words):
                await call()
        assert not engine.calls
        await runtime.aclose()


@pytest.mark.parametrize(
    ("newest", "oldest", "spoken"),
    [("1.41", "1.12", "1.41"), ("1.51", "1.44", "1.44"), ("1.60", "1.52", "1.52")],
)
async def test_all_calls_speak_a_version_that_both_sides_have(
    newest: str, oldest: str, spoken: str, tmp_path: Path
) -> None:
    async with a_socket_engine(tmp_path, "c1") as (engine, socket):
        engine.versions = {"ApiVersion": newest, "MinAPIVersion": oldest}
        runtime = DockerRuntime(cluster=CLUSTER, socket_path=socket)
        assert [row.id for row in await runtime.list()] == ["c1"]
        assert (await runtime.inspect("c1")) is not None
        assert engine.spoken == {f"v{spoken}"}
        await runtime.aclose()


async def test_an_engine_that_was_upgraded_is_used_at_once(tmp_path: Path) -> None:
    async with a_socket_engine(tmp_path, "c1") as (engine, socket):
        engine.versions = {"ApiVersion": "1.40", "MinAPIVersion": "1.12"}
        runtime = DockerRuntime(cluster=CLUSTER, socket_path=socket)
        with pytest.raises(EngineUnsuited):
            await runtime.list()
        engine.versions = {"ApiVersion": "1.51", "MinAPIVersion": "1.24"}
        assert [row.id for row in await runtime.list()] == ["c1"]
        await runtime.aclose()
