"""Which API server is asked, and what is raised where none can open a stream."""

import pytest

from kohakuriver import errors
from kohakuriver.cli.session.opening import ApiServers
from kohakuriver.client.config import Connection
from kohakuriver.streams.dial import Dialer

AWAY = errors.Unreachable("nothing listens")
ELSEWHERE = errors.Unavailable("node n1 is not connected to the API server", retry_after=1)
STOPPED = errors.Conflict("dev is stopped")


class Cluster:
    """What each of three servers answers, and who was asked."""

    def __init__(self, **answers: Exception | str) -> None:
        self.answers = answers
        self.asked: list[str] = []
        first, *others = (f"http://{name}:6443" for name in answers)
        self.servers = ApiServers(Connection(first, others=tuple(others)))

    async def open(self) -> str:
        self.asked.clear()
        return await self.servers.first(self._open_at)

    async def _open_at(self, dialer: Dialer) -> str:
        name = dialer.server.removeprefix("http://").removesuffix(":6443")
        self.asked.append(name)
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_who_answered_last_is_asked_first():
    cluster = Cluster(a=AWAY, b=ELSEWHERE, c="a stream")
    assert (await cluster.open(), cluster.asked) == ("a stream", ["a", "b", "c"])
    assert (await cluster.open(), cluster.asked) == ("a stream", ["c"])
    cluster.answers |= {"a": "another", "c": AWAY}
    assert (await cluster.open(), cluster.asked) == ("another", ["c", "a"])


async def test_what_is_final_is_asked_of_no_other():
    cluster = Cluster(a=STOPPED, b="a stream")
    with pytest.raises(errors.Conflict):
        await cluster.open()
    assert cluster.asked == ["a"]


@pytest.mark.parametrize("answers", [{"a": AWAY, "b": ELSEWHERE}, {"a": ELSEWHERE, "b": AWAY}])
async def test_where_none_can_the_words_of_one_that_answered_are_told(answers):
    with pytest.raises(errors.Unavailable, match="not connected"):
        await Cluster(**answers).open()
