"""What VPSes use, asked of an agent through the real server: once for all who ask, and never for long."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.views.usage import AT_ONCE, FRESH_FOR, ON_ONE_NODE, WITHIN, Reading, Usages, Wanted
from kohakuriver.clock import EPOCH
from kohakuriver.resources import kinds, usage
from tests.apiserver.api import Api, running_api
from tests.apiserver.streaming.test_streams import an_agent, asked, bring, place, two_servers
from tests.apiserver.views.kit import a_node, a_vps, names, put
from tests.fakes.clock import LoopClock

pytestmark = pytest.mark.looptime

PODS = "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods"
NODES = "/apis/metrics.k8s.io/v1beta1/nodes"
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
SAID = {"stats": {"cores": 0.25, "memory": 3 << 20, "processes": 4}}


@contextlib.asynccontextmanager
async def an_agent_that_says(api: Api, said: Any) -> AsyncIterator[list[dict[str, Any]]]:
    """Node n1's agent answers each question so; the questions."""
    heard: list[dict[str, Any]] = []

    async def answer() -> None:
        while True:
            wanted = await asked(control)
            heard.append(wanted)
            far = await bring(api, wanted["id"])
            await far.send_control(said)
            far.close()

    async with an_agent(api) as control:
        answering = asyncio.create_task(answer())
        try:
            yield heard
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)


async def test_what_a_vps_uses_is_asked_of_its_agent_once_for_all_who_want_to_know() -> None:
    async with running_api() as api:
        made = await place(api)
        async with an_agent_that_says(api, SAID) as heard:
            listed, again = await asyncio.gather(api.get(PODS), api.get(PODS, user="alice"))
            one = (await api.get(f"{PODS}/dev")).body
        assert [(one["kind"], one["name"], one["uid"], one["epoch"]) for one in heard] == [
            ("stats", "dev", made["metadata"]["uid"], 1)
        ]
        assert listed.body["kind"] == "PodMetricsList"
        assert listed.body["items"] == again.body["items"] == [one]
        assert one["containers"] == [{"name": "vps", "usage": {"cpu": "250m", "memory": "3072Ki"}}]
        usage.PodMetrics.model_validate(one)


@pytest.mark.parametrize("told", [{}, {"Impersonate-User": "alice"}])
async def test_what_a_vps_uses_is_asked_of_the_server_that_its_agent_is_connected_to(
    told: dict[str, str],
) -> None:
    async with two_servers() as (api, other), an_agent_that_says(api, SAID) as heard:
        reply = await other.get(PODS, headers=told)
        assert [one["containers"][0]["usage"]["cpu"] for one in reply.body["items"]] == ["250m"]
        assert [(one["kind"], one["user"]) for one in heard] == [
            ("stats", told.get("Impersonate-User", "admin"))
        ]


async def test_a_node_uses_what_its_vpses_use_together() -> None:
    async with running_api() as api:
        await place(api)
        second = a_vps("lab")
        second["metadata"]["uid"] = "another"
        await put(api, kinds.VPS, second)
        await put(api, kinds.NODE, a_node("n2"))
        async with an_agent_that_says(api, SAID):
            listed = (await api.get(NODES)).body
            one = (await api.get(f"{NODES}/n1".replace("v1beta1", "v1"))).body
            table = (await api.get(NODES, headers=TABLE)).body
        assert {item["metadata"]["name"]: item["usage"] for item in listed["items"]} == {
            "n1": {"cpu": "500m", "memory": "6144Ki"},
            "n2": {"cpu": "0m", "memory": "0Ki"},
        }
        assert one["apiVersion"] == "metrics.k8s.io/v1"
        assert [row["cells"][:3] for row in table["rows"]] == [["n1", "500m", "6144Ki"], ["n2", "0m", "0Ki"]]
        usage.NodeMetrics.model_validate(one)


async def test_an_agent_that_is_not_there_leaves_its_vpses_and_its_node_out() -> None:
    async with running_api() as api:
        await place(api)
        assert (await api.get(PODS)).body["items"] == []
        assert (await api.get(NODES)).body["items"] == []
        missing = await api.get(f"{PODS}/dev")
        assert (missing.code, missing.body["message"]) == (
            404,
            'pods.metrics.k8s.io "dev" not found: not every agent has answered; try again in a moment',
        )


@pytest.mark.parametrize(
    "said", [{}, {"stats": {"cores": "x"}}, {"stats": {"cores": -1, "memory": 1}}, {"error": {"code": 409}}]
)
async def test_an_answer_that_makes_no_sense_is_left_out(said: Any) -> None:
    async with running_api() as api:
        await place(api)
        async with an_agent_that_says(api, said):
            assert (await api.get(PODS)).body["items"] == []


async def test_what_does_not_run_is_not_asked_for() -> None:
    async with running_api() as api:
        await put(api, kinds.VPS, a_vps("a", "paused"))
        await put(api, kinds.VPS, a_vps("b", "stopped"))
        await put(api, kinds.VPS, a_vps("c", "assigning"))
        async with an_agent_that_says(api, SAID) as heard:
            assert (await api.get(PODS)).body["items"] == []
            refused = await api.get(f"{PODS}/b")
        assert heard == []
        assert refused.code == 404
        assert refused.body["message"].endswith(
            '"b" not found: b is stopped; start it: kohakuriver vps start b'
        )


async def test_selectors_and_pages_are_those_of_lists() -> None:
    async with running_api() as api:
        for number, name in enumerate("abc"):
            vps = a_vps(name, labels={"app": name})
            vps["metadata"]["uid"] = f"uid-{number}"
            await put(api, kinds.VPS, vps)
        async with an_agent_that_says(api, SAID):
            assert names((await api.get(PODS, params={"labelSelector": "app in (a,c)"})).body) == ["a", "c"]
            first = (await api.get(PODS, params={"limit": "2"})).body
            token = first["metadata"]["continue"]
            rest = (await api.get(PODS, params={"limit": "2", "continue": token})).body
        assert names(first) + names(rest) == ["a", "b", "c"]


def wanted(key: str, ask: Any, node: str = "n1") -> Wanted:
    return Wanted((key, 1), node, ask)


class Agent:
    """Counts how many of its answers are under way."""

    def __init__(self, takes: float) -> None:
        self.takes, self.now, self.most, self.asked = takes, 0, 0, 0

    async def __call__(self) -> dict[str, Any]:
        self.asked += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self.takes)
        finally:
            self.now -= 1
        return SAID


async def test_a_reading_serves_for_a_while_and_is_then_made_anew() -> None:
    agent, usages = Agent(1.0), Usages(LoopClock())
    for _ in range(3):
        assert len(await usages.read([wanted("a", agent)])) == 1
    assert agent.asked == 1
    await asyncio.sleep(FRESH_FOR)
    assert usages.missing([wanted("a", agent)]) == 1
    await usages.read([wanted("a", agent)])
    assert agent.asked == 2


async def test_one_node_is_asked_a_few_at_a_time_and_all_together_not_too_many() -> None:
    usages, agents = Usages(LoopClock()), [Agent(1.0) for _ in range(AT_ONCE // ON_ONE_NODE + 5)]
    everything = Agent(0.0)

    def asking(agent: Agent) -> Any:
        async def ask() -> dict[str, Any]:
            everything.now += 1
            everything.most = max(everything.most, everything.now)
            try:
                return await agent()
            finally:
                everything.now -= 1

        return ask

    found = await usages.read(
        wanted(f"{number}-{one}", asking(agent), f"n{number}")
        for number, agent in enumerate(agents)
        for one in range(ON_ONE_NODE * 2)
    )
    assert max(agent.most for agent in agents) == ON_ONE_NODE
    assert everything.most == AT_ONCE
    assert len(found) == len(agents) * ON_ONE_NODE * 2


async def test_who_asks_waits_for_a_bounded_time_and_the_next_finds_what_came_later() -> None:
    usages, slow, quick, loop = Usages(LoopClock()), Agent(WITHIN + 1), Agent(0.1), asyncio.get_running_loop()
    began = loop.time()
    both = [wanted("slow", slow), wanted("quick", quick, "n2")]
    assert set(await usages.read(both)) == {("quick", 1)}
    assert loop.time() - began == pytest.approx(WITHIN)
    await asyncio.sleep(2)
    assert set(await usages.read(both)) == {("quick", 1), ("slow", 1)}
    assert slow.asked == 1


async def test_an_agent_that_never_answers_holds_nothing_for_ever() -> None:
    usages = Usages(LoopClock())
    await usages.read([wanted(str(number), Agent(1e9)) for number in range(50)])
    await asyncio.sleep(20)
    assert usages._under_way == {}


async def test_nothing_is_asked_any_more_when_the_server_ends() -> None:
    usages, agent = Usages(LoopClock()), Agent(1e9)
    await usages.read([wanted("a", agent)])
    usages.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert agent.now == 0


@pytest.mark.parametrize("cores", [float("inf"), float("nan"), -0.1, 1 << 40, None])
def test_a_reading_that_no_machine_can_have_is_none(cores: Any) -> None:
    with pytest.raises(errors.Unavailable):
        Reading.of({"stats": {"cores": cores, "memory": 1}}, EPOCH)
