"""The keep-alive and the SSH set-up inside real containers of the base image."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import paramiko
import pytest

from kohakuriver.agent.login import probe, ssh
from kohakuriver.agent.runtime import keepalive
from kohakuriver.agent.runtime.base import Container, File, PortBinding
from tests.agent.docker_world import DockerWorld, a_docker_world
from tests.agent.runtime_contract import BUSYBOX, a_spec, started

pytestmark = pytest.mark.docker

DEBIAN = "kohakuriver/debian-ssh"


@pytest.fixture
async def world() -> AsyncIterator[DockerWorld]:
    async with a_docker_world() as world:
        yield world


@pytest.fixture
def host_key(tmp_path: Path) -> ssh.HostKey:
    return ssh.HostKeys(tmp_path).get("u1")


@pytest.fixture
def own_key() -> paramiko.PKey:
    return paramiko.ECDSAKey.generate()


def public(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.get_base64()}"


async def a_vps(world: DockerWorld, access: ssh.Access, host_key: ssh.HostKey) -> Container:
    """A running container with sshd set up this way, its handshake done."""
    spec = a_spec(world, image=DEBIAN, files=ssh.files(access, host_key))
    container_id = await world.runtime.create(spec)
    shadow = await world.runtime.read_file(container_id, ssh.SHADOW)
    assert shadow is not None
    if (changed := ssh.shadow(shadow, access.mode)) is not None:
        await world.runtime.put_files(container_id, [changed])
    await world.runtime.start(container_id)
    return await ready(world, container_id, host_key)


async def ready(world: DockerWorld, container_id: str, host_key: ssh.HostKey) -> Container:
    container = await world.runtime.inspect(container_id)
    assert container is not None
    assert container.ip is not None
    answer = await probe.until_ready(container.ip, ssh.PORT, host_key=host_key.public, patience=60)
    assert answer == probe.Answer(probe.Verdict.READY)
    return container


def run(container: Container, command: str, key: paramiko.PKey | None) -> str | None:
    """What the command prints over SSH, or None when the login is refused. No key: no password either."""
    assert container.ip is not None
    with contextlib.closing(
        paramiko.Transport(socket.create_connection((container.ip, ssh.PORT)))
    ) as transport:
        transport.start_client(timeout=60)
        try:
            if key is None:
                transport.auth_none("root")
            else:
                transport.auth_publickey("root", key)
        except paramiko.AuthenticationException:
            return None
        channel = transport.open_session()
        channel.exec_command(command)
        return channel.makefile().read().decode().strip()


async def test_a_listed_key_logs_in_as_root_and_nobody_else_does(
    world: DockerWorld, host_key: ssh.HostKey, own_key: paramiko.PKey
) -> None:
    vps = await a_vps(world, ssh.Access(authorized_keys=(public(own_key),)), host_key)
    assert await asyncio.to_thread(run, vps, "id -un", own_key) == "root"
    assert await asyncio.to_thread(run, vps, "id -un", paramiko.ECDSAKey.generate()) is None
    assert await asyncio.to_thread(run, vps, "id -un", None) is None


async def test_without_keys_sshd_answers_and_lets_nobody_in_until_one_is_added(
    world: DockerWorld, host_key: ssh.HostKey, own_key: paramiko.PKey
) -> None:
    vps = await a_vps(world, ssh.Access(), host_key)
    assert await asyncio.to_thread(run, vps, "id -un", own_key) is None
    assert await asyncio.to_thread(run, vps, "id -un", None) is None
    await world.runtime.put_files(vps.id, [ssh.authorized_keys([public(own_key)])])
    assert await asyncio.to_thread(run, vps, "id -un", own_key) == "root"


async def test_a_passwordless_vps_lets_anybody_in(world: DockerWorld, host_key: ssh.HostKey) -> None:
    vps = await a_vps(world, ssh.Access(ssh.Mode.PASSWORDLESS), host_key)
    assert await asyncio.to_thread(run, vps, "id -un; echo $LANG", None) == "root\nC.UTF-8"


async def test_sshd_comes_back_with_the_same_key_when_it_is_killed_or_the_vps_restarts(
    world: DockerWorld, host_key: ssh.HostKey, own_key: paramiko.PKey
) -> None:
    vps = await a_vps(world, ssh.Access(authorized_keys=(public(own_key),)), host_key)
    await asyncio.to_thread(run, vps, "pkill -o -x sshd", own_key)
    assert (await ready(world, vps.id, host_key)).started_at == vps.started_at
    await world.runtime.stop(vps.id, 10)
    await world.runtime.start(vps.id)
    vps = await ready(world, vps.id, host_key)
    assert await asyncio.to_thread(run, vps, "id -un", own_key) == "root"


async def test_ssh_that_was_disabled_is_not_started_again(world: DockerWorld, host_key: ssh.HostKey) -> None:
    vps = await a_vps(world, ssh.Access(), host_key)
    await world.runtime.stop(vps.id, 10)
    await world.runtime.put_files(vps.id, ssh.files(ssh.Access(ssh.Mode.DISABLED), host_key))
    await world.runtime.start(vps.id)
    await world.listens(vps.id)
    rows = world.client.top(vps.id)["Processes"]
    assert not any("sshd" in row[-1] for row in rows)


async def test_the_ssh_port_is_published_on_the_node(world: DockerWorld, host_key: ssh.HostKey) -> None:
    port = PortBinding(ssh.PORT, "127.0.0.1", world.free_port())
    await started(world, image=DEBIAN, files=ssh.files(ssh.Access(), host_key), ports=(port,))
    answer = await probe.until_ready("127.0.0.1", port.host_port, host_key=host_key.public, patience=60)
    assert answer == probe.Answer(probe.Verdict.READY)


async def until_there(world: DockerWorld, container_id: str, path: str) -> None:
    async with asyncio.timeout(60):
        while True:
            if await world.runtime.read_file(container_id, path) is not None:
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("image", [BUSYBOX, DEBIAN])
async def test_what_keeps_a_vps_alive_is_a_short_line_among_its_processes(
    world: DockerWorld, image: str
) -> None:
    container_id = await started(world, image=image)
    await world.listens(container_id)
    assert world.processes(container_id)[:2] == [
        "/sbin/docker-init -- /bin/sh /etc/kohakuriver/init",
        "/bin/sh /etc/kohakuriver/init",
    ]


async def test_asking_whether_sshd_is_ready_leaves_nothing_in_the_logs(
    world: DockerWorld, host_key: ssh.HostKey
) -> None:
    vps = await a_vps(world, ssh.Access(), host_key)
    await ready(world, vps.id, host_key)
    await world.runtime.stop(vps.id, 10)
    assert world.client.logs(vps.id) == b""


async def test_an_image_that_says_what_sshd_is_to_log_has_it_so(
    world: DockerWorld, host_key: ssh.HostKey
) -> None:
    container_id = await world.runtime.create(
        a_spec(world, image=DEBIAN, files=ssh.files(ssh.Access(), host_key))
    )
    said = File("/etc/ssh/sshd_config.d/logs.conf", b"# more\n  loglevel VERBOSE\n")
    await world.runtime.put_files(container_id, [said])
    await world.runtime.start(container_id)
    await ready(world, container_id, host_key)
    assert b"Server listening" in world.client.logs(container_id)


@pytest.mark.parametrize("image", [BUSYBOX, DEBIAN])
async def test_a_keep_alive_without_its_file_ends_as_one_that_may_lack_it(
    world: DockerWorld, image: str
) -> None:
    container_id = await started(world, image=image)
    job = world.client.exec_create(container_id, ["rm", "-r", "/etc/kohakuriver"])
    world.client.exec_start(job["Id"])
    await world.runtime.stop(container_id, 10)
    await world.runtime.start(container_id)
    code = world.client.wait(container_id)["StatusCode"]
    assert keepalive.may_lack_its_file(command=(), exit_code=code)
    await world.runtime.put_files(container_id, keepalive.files(()))
    await world.runtime.start(container_id)
    await world.listens(container_id)
    await world.runtime.stop(container_id, 60)
    container = await world.runtime.inspect(container_id)
    assert container is not None
    assert container.exit_code == 0


@pytest.mark.parametrize("image", [BUSYBOX, DEBIAN])
async def test_a_stop_does_not_wait_for_the_grace_period(world: DockerWorld, image: str) -> None:
    container_id = await started(world, image=image)
    await world.listens(container_id)
    shell = world.client.exec_create(container_id, ["/bin/sh", "-i"], tty=True, stdin=True)
    world.client.exec_start(shell["Id"], detach=True)
    async with asyncio.timeout(100):
        await world.runtime.stop(container_id, 300)
    container = await world.runtime.inspect(container_id)
    assert container is not None
    assert container.exit_code == 0


async def test_a_program_is_given_time_to_end_by_itself(world: DockerWorld) -> None:
    container_id = await started(world, image=DEBIAN)
    program = "trap 'sleep 1; echo saved > /root/state; exit' TERM; : > /root/up; while :; do sleep 0.1; done"
    job = world.client.exec_create(container_id, ["/bin/bash", "-c", program])
    world.client.exec_start(job["Id"], detach=True)  # the SDK leaves the socket of a stream open
    await until_there(world, container_id, "/root/up")
    await world.runtime.stop(container_id, 60)
    state = await world.runtime.read_file(container_id, "/root/state")
    assert state is not None
    assert state.content == b"saved\n"
