"""The pure and the threaded pieces below the Docker runtime."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import requests.exceptions

from kohakuriver.agent.runtime import archive, failures, keepalive, port_holder, translate
from kohakuriver.agent.runtime.base import ContainerSpec, File, Image, Limits, PullProgress
from kohakuriver.agent.runtime.engine_thread import EngineThreads
from kohakuriver.agent.runtime.errors import (
    EngineError,
    EngineRefused,
    ImageMissing,
    ImagePullFailed,
    NameTaken,
    NotFound,
    PortTaken,
    RemovalInProgress,
    RuntimeTimeout,
    RuntimeUnavailable,
    WrongState,
)
from kohakuriver.agent.runtime.pull import PullMeter

# The engine's words.


@pytest.mark.parametrize(
    ("status", "words", "expected"),
    [
        (404, "No such container: abc", NotFound),
        (404, "No such image: debian:13", ImageMissing),
        (404, "network kohakuriver-1 not found", EngineRefused),
        (409, 'Conflict. The container name "/a" is already in use by container "c0ffee".', NameTaken),
        (409, "removal of container c0ffee is already in progress", RemovalInProgress),
        (409, "Container c0ffee is not running", WrongState),
        (409, "You cannot remove a running container c0ffee.", WrongState),
        (500, "driver failed: Bind for 127.0.0.1:30000 failed: port is already allocated", PortTaken),
        (500, "userland proxy: listen tcp4 127.0.0.1:30000: bind: address already in use", PortTaken),
        (500, "no space left on device", EngineRefused),
    ],
)
def test_each_refusal_of_the_engine_is_told_apart(
    status: int, words: str, expected: type[EngineError]
) -> None:
    assert type(failures.from_answer(status, words)) is expected


@pytest.mark.parametrize(
    "words",
    [
        "Bind for 127.0.0.1:30000 failed: port is already allocated",  # 20.10 to 29: another container has it
        "listen tcp4 127.0.0.1:30000: bind: address already in use",  # 20.10 to 27
        "failed to bind host port for 127.0.0.1:30000:172.18.0.2:22/tcp: address already in use",  # 28.5
        "failed to bind host port 127.0.0.1:30000/tcp: address already in use",  # 29.1
        "failed to bind host port [fd00::1:30]:30000/tcp: address already in use",
        "failed to bind host port for [::1]:30000:[fd00::2]:22/tcp: address already in use",
    ],
)
def test_every_engines_word_for_a_port_that_is_taken_names_the_port(words: str) -> None:
    error = failures.from_answer(
        500, f"driver failed programming external connectivity on endpoint x: {words}"
    )
    assert isinstance(error, PortTaken)
    assert error.port == 30000


def test_a_name_taken_says_by_which_container() -> None:
    error = failures.from_answer(409, 'The container name "/a" is already in use by container "c0ffee".')
    assert isinstance(error, NameTaken)
    assert error.container_id == "c0ffee"


def test_a_refused_connection_means_that_nothing_was_done() -> None:
    error = requests.exceptions.ConnectionError(ConnectionRefusedError(111, "Connection refused"))
    assert type(failures.from_connection(error)) is RuntimeUnavailable


def test_a_connection_lost_in_the_middle_means_that_nobody_knows() -> None:
    error = requests.exceptions.ConnectionError(ConnectionResetError(104, "Connection reset by peer"))
    assert type(failures.from_connection(error)) is RuntimeTimeout


# What is sent.

IMAGE = Image("sha256:1f2e", 1)


def a_spec(**changes: object) -> ContainerSpec:
    fields: dict[str, object] = {
        "name": "c", "image": "i", "hostname": "h", "labels": {}, "network": "n",
        "limits": Limits(millicores=1500, memory=1 << 30),
    }  # fmt: skip
    return ContainerSpec(**(fields | changes))  # type: ignore[arg-type]


def test_cores_are_a_quota_and_swap_is_not_added_to_memory() -> None:
    assert translate.limits_body(Limits(millicores=1500, memory=1 << 30)) == {
        "CpuPeriod": 100_000, "CpuQuota": 150_000, "CpuShares": 1536,
        "Memory": 1 << 30, "MemorySwap": 1 << 30,
    }  # fmt: skip


@pytest.mark.parametrize(("millicores", "shares"), [(1, 2), (500, 512), (2000, 2048), (4_096_000, 262_144)])
def test_cores_weigh_what_the_engine_takes(millicores: int, shares: int) -> None:
    assert translate.shares(millicores) == shares


def test_no_cores_are_too_few_for_the_kernel() -> None:
    assert translate.limits_body(Limits(millicores=1, memory=1))["CpuQuota"] == 1_000


def test_without_a_command_the_keep_alive_runs_as_root_and_ends_on_term() -> None:
    body = translate.create_body(a_spec(), IMAGE)
    assert body["Entrypoint"] == ["/bin/sh", "/etc/kohakuriver/init"]
    assert (body["User"], body["StopSignal"]) == ("0:0", "SIGTERM")


def test_a_command_replaces_entrypoint_and_keeps_the_images_user() -> None:
    body = translate.create_body(a_spec(command=("/srv/run", "--fast")), IMAGE)
    assert (body["Entrypoint"], body["Cmd"]) == (["/srv/run", "--fast"], [])
    assert "User" not in body


def test_a_container_is_made_of_the_very_image_that_was_found_and_runs_no_health_check_of_it() -> None:
    body = translate.create_body(a_spec(), IMAGE)
    assert body["Image"] == IMAGE.id
    assert body["Healthcheck"] == {"Test": ["NONE"]}
    assert body["Labels"] == {"kohakuriver.io/reference": "i"}


def test_labels_of_ours_that_an_image_carries_say_nothing() -> None:
    forged = {"kohakuriver.io/gpus": "GPU-a", "kohakuriver.io/uid": "u2", "maintainer": "bob"}
    spec = a_spec(labels={"kohakuriver.io/uid": "u1"})
    assert translate.create_body(spec, Image("sha256:1f2e", 1, labels=forged))["Labels"] == {
        "kohakuriver.io/gpus": "",
        "kohakuriver.io/uid": "u1",
        "kohakuriver.io/reference": "i",
    }


def test_neither_a_user_nor_an_image_asks_nvidias_runtime_for_anything() -> None:
    image = Image("sha256:1f2e", 1, env=("PATH", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_MOFED", "CUDA_VERSION"))
    env = {
        "NVIDIA_VISIBLE_DEVICES": "all",
        "NVIDIA_GDS": "enabled",
        "NVIDIA_DRIVER_CAPABILITIES": "compute",
        "A": "1",
    }
    said = ["NVIDIA_DRIVER_CAPABILITIES=compute", "A=1", "NVIDIA_MOFED"]
    spec = a_spec(env=env)
    assert translate.create_body(spec, image)["Env"] == [*said, "NVIDIA_VISIBLE_DEVICES=void"]
    spec = a_spec(env=env, gpus=("GPU-a", "GPU-b"))
    assert translate.create_body(spec, image)["Env"] == [*said, "NVIDIA_VISIBLE_DEVICES=GPU-a,GPU-b"]


def test_an_archive_names_no_folder_but_our_own() -> None:
    files = [File("/etc/kohakuriver/a", b"x", mode=0o600), File("/etc/shadow", b"y", gid=42)]
    data = archive.to_tar(files)
    assert archive.from_tar("/etc/kohakuriver/a", data) == files[0]
    assert b"etc/shadow" in data
    assert b"etc/\0" not in data


def test_no_more_is_read_of_an_archive_than_a_small_file_can_be() -> None:
    read = 0

    def large() -> Iterator[bytes]:
        nonlocal read
        for _ in range(64):
            read += 1
            yield bytes(2**20)

    with pytest.raises(EngineRefused, match="/etc/shadow in the container is larger than"):
        archive.at_most(large(), 2**21, "/etc/shadow")
    assert read == 3


def test_an_event_carries_the_labels_without_the_engines_own_attributes() -> None:
    event = translate.event(
        {
            "Action": "die",
            "Actor": {"ID": "c1", "Attributes": {"name": "n", "kohakuriver.io/uid": "u"}},
            "timeNano": 2_500_000_000,
        }
    )
    assert (event.container_id, event.name, event.action, event.time) == ("c1", "n", "die", 2.5)
    assert dict(event.labels) == {"kohakuriver.io/uid": "u"}


# Images.


def test_an_image_that_was_pulled_by_its_digest_is_in_the_stock_under_it() -> None:
    digest = f"ghcr.io/team/app@sha256:{'1f' * 32}"
    rows: list[dict[str, Any]] = [
        {"Id": "sha256:a", "RepoTags": ["debian:12"], "RepoDigests": [f"debian@sha256:{'2e' * 32}"]},
        {"Id": "sha256:b", "RepoTags": None, "RepoDigests": [digest], "Size": 7},
        {"Id": "sha256:c", "RepoTags": ["<none>:<none>"], "RepoDigests": ["<none>@<none>"]},
    ]
    found = translate.stock(rows, {"sha256:b"})
    assert [(one.name, one.id, one.is_used) for one in found] == [
        ("docker.io/library/debian:12", "sha256:a", False),
        (digest, "sha256:b", True),
    ]


# Pulls.


def test_a_pulls_percentage_rises_and_ends_at_a_hundred() -> None:
    meter = PullMeter("debian:12")
    lines: list[dict[str, Any]] = [
        {"status": "Pulling from library/debian", "id": "12"},
        {"status": "Pulling fs layer", "id": "a"},
        {"status": "Pulling fs layer", "id": "b"},
        {"status": "Downloading", "id": "a", "progressDetail": {"current": 50, "total": 100}},
        {"status": "Downloading", "id": "b", "progressDetail": {"current": 100, "total": 300}},
        {"status": "Download complete", "id": "a"},
        {"status": "Pull complete", "id": "a"},
        {"status": "Download complete", "id": "b"},
        {"status": "Pull complete", "id": "b"},
        {"status": "Status: Downloaded newer image for debian:12"},
    ]
    steps = [step for line in lines if (step := meter.read(line)) is not None]
    percents = [step.percent for step in steps]
    assert percents == sorted(percents, key=lambda percent: percent or 0)
    assert percents[-1] == 100
    assert PullProgress(percent=33, message="pulling 33 %") in steps


def test_a_pull_that_fails_says_why() -> None:
    with pytest.raises(ImagePullFailed, match="denied"):
        PullMeter("debian:12").read({"error": "denied", "errorDetail": {"message": "denied"}})


# Threads.


def threads(*, width: int = 1, **more: Any) -> EngineThreads:
    return EngineThreads(
        lambda: docker.APIClient(version=docker.constants.DEFAULT_DOCKER_API_VERSION),
        knock=lambda: None,
        width=width,
        name="test",
        margin=0.05,
        **more,
    )


async def test_a_call_that_hangs_is_given_up_and_the_next_goes_through() -> None:
    pool, release = threads(), threading.Event()
    with pytest.raises(RuntimeTimeout):
        await pool.call(lambda client: release.wait(60), timeout=0.01)
    assert await pool.call(lambda client: "next", timeout=60) == "next"
    release.set()
    pool.close()


async def test_an_engine_with_many_hanging_calls_is_refused_more_of_them() -> None:
    pool, release = threads(most=4), threading.Event()
    for _ in range(4):
        with pytest.raises(RuntimeTimeout):
            await pool.call(lambda client: release.wait(60), timeout=0.01)
    with pytest.raises(RuntimeUnavailable, match="hangs"):
        await pool.call(lambda client: None, timeout=1)
    release.set()
    pool.close()


async def test_no_more_calls_run_at_a_time_than_the_width() -> None:
    pool, release, inside = threads(width=2), threading.Event(), threading.Semaphore(0)

    def work(client: docker.APIClient) -> None:
        inside.release()
        release.wait(60)

    calls = [asyncio.create_task(pool.call(work, timeout=60)) for _ in range(3)]
    await asyncio.to_thread(inside.acquire)
    await asyncio.to_thread(inside.acquire)
    assert not inside.acquire(blocking=False)
    release.set()
    await asyncio.gather(*calls)
    pool.close()


async def test_a_call_that_hangs_lets_others_begin_beside_it() -> None:
    pool, release = threads(hold=0.01), threading.Event()
    hanging = [asyncio.create_task(pool.call(lambda client: release.wait(60), timeout=60)) for _ in range(9)]
    assert await pool.call(lambda client: "next", timeout=60) == "next"
    assert not any(call.done() for call in hanging)
    release.set()
    await asyncio.gather(*hanging)
    pool.close()


async def test_of_one_thing_one_call_is_out_however_often_it_is_asked() -> None:
    pool, release, begun = threads(width=4), threading.Event(), []

    def work(client: docker.APIClient) -> str:
        begun.append(word := "again" if begun else "first")
        release.wait(60)
        return word

    first = asyncio.create_task(pool.call(work, timeout=60, alone="c1"))
    await asyncio.sleep(0)  # it is asked first
    for _ in range(3):
        with pytest.raises(RuntimeTimeout):
            await pool.call(work, timeout=60, alone="c1", patience=0.01)
    assert await pool.call(lambda client: "other", timeout=60, alone="c2") == "other"
    assert begun == ["first"]
    later = asyncio.create_task(pool.call(work, timeout=60, alone="c1"))
    release.set()
    assert (await first, await later) == ("first", "again")
    pool.close()


async def test_whose_patience_ends_leaves_the_call_to_go_on() -> None:
    pool, release = threads(), threading.Event()
    with pytest.raises(RuntimeTimeout):
        await pool.call(lambda client: release.wait(60), timeout=60, alone="c1", patience=0.01)
    release.set()
    assert await pool.call(lambda client: "next", timeout=60, alone="c1") == "next"
    pool.close()


async def test_what_waits_for_its_turn_loses_no_patience() -> None:
    pool, release, inside = threads(), threading.Event(), threading.Event()

    def work(client: docker.APIClient) -> None:
        inside.set()
        release.wait(60)

    first = asyncio.create_task(pool.call(work, timeout=60))
    await asyncio.to_thread(inside.wait)
    second = asyncio.create_task(pool.call(lambda client: "in turn", timeout=60, patience=0.01))
    await asyncio.wait([second], timeout=0.05)
    release.set()
    assert await second == "in turn"
    await first
    pool.close()


async def test_a_caller_that_is_cancelled_leaves_the_call_to_end_and_its_thread_to_the_next() -> None:
    pool, release, inside = threads(), threading.Event(), threading.Event()

    def work(client: docker.APIClient) -> None:
        inside.set()
        release.wait(60)

    call = asyncio.create_task(pool.call(work, timeout=60))
    await asyncio.to_thread(inside.wait)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    release.set()
    assert await pool.call(lambda client: "next", timeout=60) == "next"
    pool.close()


# Ports.


def test_the_holder_of_a_port_is_named_with_its_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        holder = port_holder.holder(listener.getsockname()[1])
    assert holder is not None
    assert holder.endswith(f"(process {os.getpid()})")


def test_every_port_that_is_listened_on_is_known() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as two,
    ):
        assert {one.getsockname()[1], two.getsockname()[1]} <= port_holder.listening()
    assert port_holder.listening(proc=Path("/nowhere")) == set()


def test_nobody_is_named_where_nobody_listens(tmp_path: Path) -> None:
    assert port_holder.holder(30000, proc=tmp_path) is None


# Exits.


def test_an_exit_of_the_program_itself_is_not_explained_away() -> None:
    assert keepalive.why_it_ended(image="i", command=(), exit_code=1, has_shell=False) is None
    assert keepalive.why_it_ended(image="i", command=(), exit_code=127, has_shell=True) is None


def test_a_command_the_image_lacks_is_named() -> None:
    why = keepalive.why_it_ended(image="i", command=("/srv/run",), exit_code=127, has_shell=True)
    assert why is not None
    assert '"/srv/run"' in why["message"]
