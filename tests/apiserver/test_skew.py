"""Programs of other versions: a warning, and nothing lost of what one of them does not know."""

import logging
from typing import Any

import pytest

from kohakuriver import __version__, errors
from kohakuriver.apiserver.binding.outcome import WriteOptions
from kohakuriver.apiserver.objects.validation import FieldValidation
from kohakuriver.apiserver.serving import skew
from kohakuriver.apiserver.write import patch
from kohakuriver.client.config import Connection
from kohakuriver.client.rest import Client
from kohakuriver.resources import kinds
from tests.apiserver.api import running_api
from tests.apiserver.writing import ADMIN, N1, World, a_node, a_vps, a_world

pytestmark = pytest.mark.fault(46)

STRICT = WriteOptions(validation=FieldValidation.STRICT, field_manager="me", names_manager=True)


@pytest.mark.parametrize("program", ["kohakuriver", "kohakuriver-agent", "controller"])
def test_our_programs_of_another_version_are_told_whom_to_upgrade(program: str) -> None:
    older, newer = skew.warning(f"{program}/0.0.9"), skew.warning(f"{program}/99.0.0")
    assert older is not None and older.endswith(f"upgrade {program}")
    assert newer is not None and newer.endswith("upgrade the API server")
    assert skew.warning(f"{program}/{__version__}") is None


@pytest.mark.parametrize(
    "name", ["kubectl/v1.37.1", "kohakuriver/", "kohakuriver", "", "kohakuriver/x.y", "a/0.0.1"]
)
def test_strangers_are_told_nothing(name: str) -> None:
    assert skew.warning(name) is None


async def test_the_warning_comes_with_answers_and_refusals_and_watches() -> None:
    async with running_api() as api:
        path = kinds.VPS.path(namespace="default")
        for tail in ("", "/none", "?watch=1&timeoutSeconds=1"):
            reply = await api.get(path + tail, headers={"User-Agent": "kohakuriver/0.0.1"})
            assert "upgrade kohakuriver" in reply.headers["Warning"]
            assert "Warning" not in (await api.get(path + tail, headers={"User-Agent": "curl/8"})).headers


async def test_an_agent_of_another_version_logs_the_warning_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kohakuriver.client.rest.__version__", "0.0.1")
    async with running_api() as api:
        connection = Connection(server=api.url, token=api.token("n1"))
        async with Client(connection, program="kohakuriver-agent") as client:
            with caplog.at_level(logging.WARNING):
                for _ in range(3):
                    await client.list(kinds.VPS)
    assert [record.message for record in caplog.records] == ["the API server warns"]


async def with_future_fields() -> tuple[World, dict[str, Any]]:
    """A VPS that a newer server has stored."""
    world = await a_world(a_node())
    await world.bound(volumes=[{"name": "home", "target": "/root"}])
    stored = await world.vps()
    stored["spec"] |= {"hovering": {"height": 3}}
    stored["spec"]["volumes"][0]["colour"] = "green"
    stored["status"]["mood"] = "good"
    await world.put(kinds.VPS, stored)
    return world, await world.vps()


def keeps_its_future(vps: dict[str, Any]) -> bool:
    spec = vps["spec"]
    there = (spec.get("hovering"), spec["volumes"][0].get("colour"), vps["status"].get("mood"))
    return there == ({"height": 3}, "green", "good")


async def test_every_sort_of_write_keeps_fields_that_a_newer_server_stored() -> None:
    world, _ = await with_future_fields()
    changed = await world.patch({"spec": {"priority": 1}}, options=STRICT)
    assert keeps_its_future(changed.object) and not changed.warnings
    steps = [{"op": "replace", "path": "/spec/priority", "value": 2}]
    stepped = await world.patch(steps, content_type="application/json-patch+json", options=STRICT)
    assert keeps_its_future(stepped.object)
    applied = await world.patch(a_vps(command=["sh"]), content_type=patch.APPLY, options=STRICT)
    assert keeps_its_future(applied.object)
    whole = applied.object
    replaced = await world.update({**whole, "spec": {**whole["spec"], "priority": 3}}, options=STRICT)
    assert keeps_its_future(replaced.object)
    assert keeps_its_future((await world.report()).object)


async def test_a_field_that_is_new_and_unknown_is_still_refused() -> None:
    world, _ = await with_future_fields()
    with pytest.raises(
        errors.BadRequest, match=r'unknown field "spec\.hovering\.height"|unknown field "spec\.hovering"'
    ):
        await world.patch({"spec": {"hovering": {"height": 4}}}, options=STRICT)


async def test_a_newer_agents_status_stays_when_an_older_one_reports() -> None:
    world = await a_world(a_node())
    await world.bound()
    newer = await world.report(observed={"temperature": 20}, health="fine")
    assert any("temperature" in warning for warning in newer.warnings)
    older = (await world.report(state="paused")).object["status"]
    assert (older["observed"]["temperature"], older["health"]) == (20, "fine")
    assert older["observed"]["state"] == "paused"


async def test_an_old_copy_that_is_sent_whole_brings_back_what_it_came_with() -> None:
    world, stored = await with_future_fields()
    written = await world.update({**stored, "spec": {**stored["spec"], "priority": 9}}, user=ADMIN)
    assert keeps_its_future(written.object)
    assert N1.node == written.object["status"]["assignment"]["node"]
