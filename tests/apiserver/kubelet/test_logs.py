"""`kubectl logs`: each of its flags, and what is refused."""

import asyncio

import aiohttp
import pytest

from kohakuriver import errors
from tests.apiserver.kubelet.kit import POD, a_vps

pytestmark = pytest.mark.looptime

CUT = {"error": errors.Unavailable("the log is cut short: the container engine went away").to_status()}
ENDED = {"end": {"reason": "Ended", "message": "that is all"}}


@pytest.mark.parametrize(
    ("params", "asks"),
    [
        ({}, {}),
        ({"container": "vps", "follow": "true"}, {"follow": ["1"]}),
        ({"tailLines": "0", "timestamps": "true"}, {"tail": ["0"], "timestamps": ["1"]}),
        ({"sinceSeconds": "60", "follow": "false"}, {"since": ["60"]}),
        ({"sinceTime": "2026-01-31T12:00:00Z"}, {"since": ["2026-01-31T12:00:00Z"]}),
        ({"previous": "false", "insecureSkipTLSVerifyBackend": "true"}, {}),
    ],
)
async def test_the_flags_of_kubectl_are_asked_of_the_node_and_its_words_are_plain_text(params, asks):
    async with a_vps() as dev:
        reading = asyncio.create_task(dev.api.get(f"{POD}/log", user="alice", params=params))
        wanted = await dev.asked()
        assert (wanted["kind"], wanted["params"]) == ("logs", asks)
        inside = await dev.bring(wanted["id"])
        await inside.send(b"out\n")
        await inside.send_control({"channel": "stderr"})
        await inside.send(b"err\n")
        await inside.send_control(ENDED)
        reply = await reading
        assert (reply.code, reply.body) == (200, "out\nerr\n")
        assert reply.headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize(
    ("params", "shown"),
    [
        ({"limitBytes": "6"}, "out\ner"),
        ({"limitBytes": "4"}, "out\n"),
        ({"stream": "Stderr"}, "err\n"),
        ({"stream": "Stdout", "limitBytes": "100"}, "out\n"),
    ],
)
async def test_no_more_is_sent_than_was_asked_for(params, shown):
    async with a_vps() as dev:
        reading = asyncio.create_task(dev.api.get(f"{POD}/log", user="alice", params=params))
        inside = await dev.bring((await dev.asked())["id"])
        await inside.send(b"out\n")
        await inside.send_control({"channel": "stderr"})
        await inside.send(b"err\n")
        await inside.send_control(ENDED)
        assert (await reading).body == shown


async def test_a_log_that_is_followed_comes_as_it_is_written_and_ends_with_its_reader():
    async with a_vps() as dev:
        opening = asyncio.create_task(
            dev.api.session.get(
                f"{dev.api.url}{POD}/log", params={"follow": "1"}, headers=dev.api.headers("alice")
            )
        )
        inside = await dev.bring((await dev.asked())["id"])
        await inside.send(b"first\n")
        reply = await opening
        assert await reply.content.readline() == b"first\n"
        await inside.send(b"second\n")
        assert await reply.content.readline() == b"second\n"
        reply.close()
        assert await inside.receive() is None


@pytest.mark.parametrize("ends", [CUT, None])
async def test_a_log_that_is_cut_short_does_not_end_like_a_whole_one(ends):
    """`kubectl logs` says `unexpected EOF` then, and ends with 1."""
    async with a_vps() as dev:
        reading = asyncio.create_task(dev.api.get(f"{POD}/log", user="alice"))
        inside = await dev.bring((await dev.asked())["id"])
        await inside.send(b"out\n")
        await asyncio.sleep(1)
        if ends is not None:
            await inside.send_control(ends)
        else:
            inside.framed.abort()
        with pytest.raises(aiohttp.ClientPayloadError):
            async with asyncio.timeout(30):
                await reading


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"previous": "true"}, "dev has no log of a previous container"),
        ({"container": "other"}, 'dev has no container "other"'),
        ({"tailLines": "-1"}, 'invalid tailLines "-1"'),
        ({"limitBytes": "0"}, 'invalid limitBytes "0"'),
        ({"sinceTime": "yesterday"}, 'invalid sinceTime "yesterday"'),
        ({"sinceTime": "2026-01-31T12:00:00Z", "sinceSeconds": "1"}, "both given"),
        ({"stream": "Both"}, 'invalid stream "Both"'),
        ({"follow": "maybe"}, "invalid value for follow"),
    ],
)
async def test_what_makes_no_sense_is_refused_in_words(params, says):
    async with a_vps() as dev:
        reply = await dev.api.get(f"{POD}/log", user="alice", params=params)
        assert reply.code == 400 and says in reply.body["message"]


@pytest.mark.parametrize(("user", "path"), [("viewer", POD), ("alice", POD.replace("default", "team-b"))])
async def test_who_may_not_read_logs_does_not(user, path):
    async with a_vps() as dev:
        assert (await dev.api.get(f"{path}/log", user=user)).code == 403
