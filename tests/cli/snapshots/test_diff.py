"""`vps diff`: what is shown of the files that differ, whatever their names are."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from kohakuriver import errors
from kohakuriver.cli.snapshots import diff
from kohakuriver.resources import kinds
from kohakuriver.streams.stream import Control, Stream
from tests.apiserver.streaming.test_streams import place
from tests.cli.access.an_agent import an_agent
from tests.cli.shell import Shell

Serve = Callable[[asyncio.Transport, bytes], Awaitable[None]]
END = {"end": {"reason": "Ended", "message": "that is all"}}
FOUND = [("added", "/etc/x"), ("changed", "/tmp/two\nlines\t\x1b[31m"), ("deleted", "/home/\udcff")]


def told(kind: str, path: str) -> bytes:
    return json.dumps({"path": path, "kind": kind}).encode() + b"\n"


class Agent:
    """Says this, in pieces, and then that it was all."""

    def __init__(self, *pieces: bytes, last: Control | None = END) -> None:
        self.openings: list[Control] = []
        self._pieces = pieces
        self._last = last

    async def open(self, opening: Control) -> Serve:
        self.openings.append(opening)

        async def serve(transport: asyncio.Transport, first: bytes) -> None:
            stream = Stream(masks=False)
            stream.framed.adopt(transport, first)
            for piece in self._pieces:
                await stream.send(piece)
            if self._last is not None:
                await stream.send_control(self._last)
            stream.close()
            await stream.wait_closed()

        return serve


async def shown(shell: Shell, agent: Agent, line: str = "vps diff dev") -> tuple[int, str, str]:
    await place(shell.api)
    async with an_agent(shell.api, agent.open):
        return await shell(line)


async def test_each_is_on_a_line_of_its_own_with_its_letter(shell: Shell) -> None:
    data = b"".join(told(*one) for one in FOUND)
    pieces = [data[at : at + 7] for at in range(0, len(data), 7)]
    code, out, err = await shown(shell, Agent(*pieces))
    assert out.splitlines() == ["A /etc/x", r"C /tmp/two\nlines\t\x1b[31m", r"D /home/\udcff"]
    assert (code, err) == (0, "")


async def test_names_alone_and_objects_are_for_programs(shell: Shell) -> None:
    data = b"".join(told(*one) for one in FOUND)
    code, out, _ = await shown(shell, Agent(data), "vps diff dev -o json")
    assert [json.loads(line) for line in out.splitlines()] == [
        {"path": path, "kind": kind} for kind, path in FOUND
    ]
    assert code == 0


async def test_nothing_that_differs_prints_nothing(shell: Shell) -> None:
    assert await shown(shell, Agent(), "vps diff dev -o name") == (0, "", "")


async def test_what_the_node_says_is_shown_with_what_to_do(shell: Shell) -> None:
    error = errors.Unavailable("the container engine: it is broken", hint="mend it").to_status()
    code, out, err = await shown(shell, Agent(told(*FOUND[0]), last={"error": error}))
    assert (code, out) == (1, "A /etc/x\n")
    assert "the container engine: it is broken" in err and "mend it" in err


async def test_a_list_that_broke_off_is_told_and_is_no_success(shell: Shell) -> None:
    code, out, err = await shown(shell, Agent(told(*FOUND[0]), last=None))
    assert (code, out) == (1, "A /etc/x\n")
    assert "dev: the list is cut short" in err


async def test_the_snapshot_is_named_to_the_server(shell: Shell) -> None:
    await place(shell.api)
    agent = Agent()
    async with an_agent(shell.api, agent.open):
        code, _, err = await shell("vps diff dev base")
    assert (code, agent.openings) == (1, [])
    assert 'there is no snapshot "base"' in err
    body = {"metadata": {"name": "base", "namespace": "default"}, "spec": {"vps": {"name": "dev"}}}
    await shell.api.create(kinds.SNAPSHOT, body)
    stored = await shell.get(kinds.SNAPSHOT, "base")
    await shell.put(kinds.SNAPSHOT, {**stored, "status": {"phase": "Ready"}})
    async with an_agent(shell.api, agent.open):
        for line in ("vps diff dev snapshot/base", "vps diff dev@base"):
            assert await shell(line) == (0, "", "")
    uid = stored["metadata"]["uid"]
    assert [opening["params"]["snapshot"] for opening in agent.openings] == [[uid], [uid]]


async def test_an_output_that_is_not_known_is_refused(shell: Shell) -> None:
    code, _, err = await shell("vps diff dev -o yaml")
    assert code == 2
    assert 'invalid output format "yaml": use name or json' in err


@pytest.mark.parametrize("written", [b"{", b"[]", b"{}", b'{"path": "/x", "kind": "new"}', b"\xff", b"1"])
def test_what_is_no_difference_is_not_shown_as_one(written: bytes) -> None:
    with pytest.raises(errors.Unreachable):
        diff.line(written, None)
