"""What is said of nodes whose default image is missing or old."""

import datetime
import json
from typing import Any

import pytest

from kohakuriver import clock, errors
from kohakuriver.cli import default_image
from kohakuriver.cli.local import welcome
from kohakuriver.resources import kinds

NOON = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC)


def a_node(name: str = "n1", **image: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "uid": f"uid-{name}"},
        "status": {"defaultImage": image} if image else {},
    }


def built(days: float) -> str:
    return clock.timestamp(NOON - datetime.timedelta(days=days))


def test_a_node_that_lacks_it_is_named_with_what_to_do() -> None:
    assert default_image.words([a_node(present=False)], NOON) == [
        "node n1: the default image is missing; on that node, as root: kohakuriver image build"
    ]


def test_one_that_is_older_than_60_days_is_named() -> None:
    assert default_image.words([a_node(present=True, built=built(61))], NOON) == [
        "node n1: the default image is 61 days old; what was corrected since comes with a new one; "
        "on that node, as root: kohakuriver image build --renew"
    ]


@pytest.mark.parametrize(
    "node",
    [
        a_node(present=True, built=built(59)),
        a_node(present=True),
        a_node(present=True, built="long ago"),
        a_node(),
        {"metadata": {"name": "n1"}},
    ],
)
def test_of_others_nothing_is_said(node: dict[str, Any]) -> None:
    assert default_image.words([node], NOON) == []


async def test_env_list_tells_and_prints_nothing_of_it_to_programs(shell) -> None:
    await shell.put(kinds.NODE, a_node("n1", present=False))
    await shell.put(kinds.NODE, a_node("n2", present=True, built="2020-01-31T12:00:00Z"))
    _, out, err = await shell("env list")
    assert "node n1: the default image is missing; on that node, as root: kohakuriver image build\n" in err
    assert "node n2: the default image is" in err and "default image" not in out
    _, out, err = await shell("env list -o json")
    assert json.loads(out)["items"] == [] and err == ""


def test_up_waits_a_moment_for_what_the_node_says_of_its_images() -> None:
    answers = [a_node(), a_node(), a_node(present=False)]
    pauses: list[float] = []
    told = welcome.about_image(lambda: answers.pop(0), NOON, pause=pauses.append)
    assert told == ["node n1: the default image is missing; on that node, as root: kohakuriver image build"]
    assert pauses == [welcome.PAUSE] * 2


def test_up_goes_on_where_the_node_says_nothing_or_nobody_answers() -> None:
    pauses: list[float] = []
    assert welcome.about_image(a_node, NOON, pause=pauses.append) == []
    assert len(pauses) == welcome.TRIES

    def nobody() -> dict[str, Any]:
        raise errors.Unreachable("nobody answers")

    assert welcome.about_image(nobody, NOON, pause=pauses.append) == []
