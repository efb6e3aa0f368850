"""The Docker runtime keeps the contract on a real engine, and its containers are made as the design says."""

import base64
import json
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import docker.errors
import pytest

from kohakuriver.agent.runtime import keepalive, leftovers
from kohakuriver.agent.runtime.base import CLUSTER_LABEL, Limits, PortBinding
from kohakuriver.agent.runtime.docker import DockerRuntime
from kohakuriver.agent.runtime.errors import ImagePullFailed, PortTaken, RuntimeUnavailable
from tests.agent.docker_world import DockerWorld, a_built_image, a_docker_world
from tests.agent.runtime_contract import BUSYBOX, RuntimeContract, a_spec, started
from tests.e2e.registry import LOGIN

pytestmark = pytest.mark.docker
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def world() -> AsyncIterator[DockerWorld]:
    async with a_docker_world() as world:
        yield world


class TestDockerRuntime(RuntimeContract):
    """The contract."""


async def test_a_container_is_made_as_the_design_says(world: DockerWorld) -> None:
    body = world.raw(await started(world, env={"GREETING": "hi"}))
    host = body["HostConfig"]
    assert host["RestartPolicy"]["Name"] == "no"
    assert host["Init"] is True
    assert host["PidsLimit"] == 4096
    assert host["Ulimits"] == [{"Name": "core", "Soft": 0, "Hard": 0}]
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
    assert (host["NanoCpus"], host["CpuPeriod"], host["CpuQuota"]) == (0, 100_000, 10_000)
    assert host["Memory"] == host["MemorySwap"] == 64 << 20
    assert host["Privileged"] is False
    assert host["CapAdd"] is None and host["CapDrop"] == ["MKNOD", "NET_RAW"]
    assert host["SecurityOpt"] is None, "seccomp and AppArmor are the engine's own"
    assert "GREETING=hi" in body["Config"]["Env"]
    assert body["Config"]["Hostname"] == "box"
    assert list(body["NetworkSettings"]["Networks"]) == [world.network]


async def test_root_in_a_container_makes_no_device_but_a_pipe(world: DockerWorld) -> None:
    container_id = await started(world)

    def tried(*words: str) -> str:
        return bytes(world.client.exec_start(world.client.exec_create(container_id, words)["Id"])).decode()

    assert "not permitted" in tried("mknod", "/null", "c", "1", "3")
    assert tried("mknod", "/pipe", "p") == ""


NUMBERS = {"CHOWN": 0, "KILL": 5, "NET_ADMIN": 12, "NET_RAW": 13, "SYS_CHROOT": 18, "MKNOD": 27}
DEBIAN = "kohakuriver/debian-ssh"


def held(world: DockerWorld, container_id: str, process: str) -> tuple[set[str], set[str], str]:
    """Of `NUMBERS`, what a process has and what its children can have at most; and its NoNewPrivs."""
    lines = world.says(container_id, "cat", f"/proc/{process}/status").splitlines()
    fields = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def names(mask: str) -> set[str]:
        return {name for name, number in NUMBERS.items() if int(mask, 16) >> number & 1}

    return names(fields["CapEff"]), names(fields["CapBnd"]), fields["NoNewPrivs"]


@pytest.mark.parametrize(
    ("asked", "has"),
    [
        ({}, {"CHOWN", "KILL", "SYS_CHROOT"}),
        ({"cap_add": ("NET_RAW",)}, {"CHOWN", "KILL", "SYS_CHROOT", "NET_RAW"}),
        ({"cap_add": ("MKNOD", "NET_ADMIN"), "cap_drop": ("KILL",)}, set(NUMBERS) - {"KILL", "NET_RAW"}),
        ({"cap_drop": ("ALL",)}, set()),
        ({"cap_add": ("CHOWN", "NET_RAW"), "cap_drop": ("ALL", "KILL")}, {"CHOWN", "NET_RAW"}),
    ],
    ids=["default", "more", "more and less", "none", "two alone"],
)
async def test_root_has_the_capabilities_that_are_asked_for_and_its_streams_too(
    world: DockerWorld, asked: dict[str, tuple[str, ...]], has: set[str]
) -> None:
    container_id = await started(world, **asked)
    assert held(world, container_id, "1") == (has, has, "0")
    assert held(world, container_id, "self") == (has, has, "0")


async def test_without_new_privileges_a_program_with_setuid_is_nobody_special(world: DockerWorld) -> None:
    script = "cp /usr/bin/id /tmp/id && chmod u+s /tmp/id && su -s /bin/sh nobody -c '/tmp/id -u'"
    for forbidden, uid in ((False, "0"), (True, "65534")):
        container_id = await started(world, image=DEBIAN, no_new_privileges=forbidden)
        assert held(world, container_id, "1")[2] == str(int(forbidden))
        assert world.says(container_id, "sh", "-c", script).strip() == uid
        await world.runtime.remove(container_id, force=True)


PING = """
import socket
echo = bytes([8, 0, 0xF7, 0xFF, 0, 0, 0, 0])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as plain:
    plain.settimeout(5)
    plain.sendto(echo, ("127.0.0.1", 0))
    print("answer", plain.recv(100)[0])
try:
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
except PermissionError:
    print("no raw packets")
"""


async def test_who_may_not_forge_packets_pings_all_the_same(world: DockerWorld) -> None:
    container_id = await started(world, image=DEBIAN)
    assert world.says(container_id, "python3", "-c", PING) == "answer 0\nno raw packets\n"
    as_nobody = world.says(
        container_id, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "python3", "-c", PING
    )
    assert as_nobody == "answer 0\nno raw packets\n"


FORGED = """
FROM kohakuriver/busybox
LABEL kohakuriver.io/gpus=GPU-a kohakuriver.io/privileged=true kohakuriver.io/commit=7 theirs=1
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_MOFED=enabled NVIDIA_DRIVER_CAPABILITIES=all PLAIN=1
HEALTHCHECK --interval=1s CMD touch /checked
"""


async def test_an_image_asks_for_nothing_by_labels_variables_or_a_health_check(world: DockerWorld) -> None:
    with a_built_image(FORGED) as image:
        container_id = await started(world, image=image, env={"NVIDIA_GDS": "enabled"})
        body = world.raw(container_id)
        ours = {name: value for name, value in body["Config"]["Labels"].items() if "kohakuriver.io" in name}
        assert {name for name, value in ours.items() if value} == {
            "kohakuriver.io/cluster",
            "kohakuriver.io/uid",
            "kohakuriver.io/reference",
        }
        assert body["Config"]["Labels"]["theirs"] == "1"
        assert body["Config"]["Healthcheck"]["Test"] == ["NONE"]
        assert "Health" not in body["State"]
        said = set(world.says(container_id, "env").split())
        await world.runtime.remove(container_id, force=True)
    assert {word for word in said if word.startswith(("NVIDIA_", "PLAIN"))} == {
        "NVIDIA_VISIBLE_DEVICES=void",
        "NVIDIA_DRIVER_CAPABILITIES=all",
        "PLAIN=1",
    }


@pytest.fixture
def registry(world: DockerWorld, tmp_path: Path) -> Iterator[str]:
    """One that has an image under every name."""
    (tmp_path / "mode").write_text("serve")
    address = f"127.0.0.1:{world.free_port()}"
    command = [sys.executable, str(ROOT / "tests/e2e/registry.py"), address.partition(":")[2], str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"listening\n"
        yield address
        process.terminate()


async def test_what_a_registry_gave_is_found_under_each_name_that_it_has(
    world: DockerWorld, registry: str
) -> None:
    runtime, repository = world.runtime, f"{registry}/team/image"
    assert await runtime.image(f"{repository}:12") is None
    await runtime.pull(f"{repository}:12", lambda progress: None)
    try:
        image = await runtime.image(f"{repository}:12")
        assert image is not None
        (by_digest,) = world.client.inspect_image(image.id)["RepoDigests"]
        digest = by_digest.partition("@")[2]
        for reference in (by_digest, f"{repository}:12@{digest}"):
            assert await runtime.image(reference) == image
            await runtime.remove(await runtime.create(a_spec(world, image=reference)))
        for reference in (repository, f"{repository}:13", "image:12", f"image@{digest}"):
            assert await runtime.image(reference) is None
        world.clean_image(f"{repository}:12")
        world.clean_image(by_digest)
        await runtime.pull(f"{repository}:13@{digest}", lambda progress: None)
        assert await runtime.image(by_digest) == image
        assert await runtime.image(f"{repository}:13") is None
    finally:
        world.clean_image(f"{repository}:12")
        world.clean_image(by_digest)


async def test_a_registry_gets_the_machines_credentials_where_it_is_asked_as_the_node_alone(
    world: DockerWorld, registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mode").write_text("private")
    image = f"{registry}/team/private:1"
    with pytest.raises(ImagePullFailed, match="refuses access") as caught:
        await world.runtime.pull(image, lambda progress: None, as_node=True)
    assert caught.value.hint == "", "this machine has no credentials for it"
    known = {registry: {"auth": base64.b64encode(LOGIN.encode()).decode()}}
    (tmp_path / "config.json").write_text(json.dumps({"auths": known}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(ImagePullFailed, match="refuses access") as caught:
        await world.runtime.pull(image, lambda progress: None)
    assert "for images of Environments alone" in caught.value.hint
    assert await world.runtime.image(image) is None
    try:
        await world.runtime.pull(image, lambda progress: None, as_node=True)
        assert await world.runtime.image(image) is not None
    finally:
        world.clean_image(image)


async def test_more_cores_than_the_machine_has_are_no_error(world: DockerWorld) -> None:
    limits = a_spec(world).limits
    beyond = type(limits)(millicores=512_000, memory=limits.memory)
    container = await world.runtime.inspect(await started(world, limits=beyond))
    assert container is not None
    assert container.limits == beyond


async def test_memory_that_only_holds_files_is_no_obstacle_to_a_smaller_limit(world: DockerWorld) -> None:
    container_id = await started(world, limits=Limits(millicores=1000, memory=128 << 20))
    reads = "dd if=/dev/zero of=/read bs=1M count=60 2>/dev/null; sync; cat /read /read | wc -c"
    assert world.says(container_id, "sh", "-c", reads).strip() == str(120 << 20)
    smaller = Limits(millicores=1000, memory=32 << 20)
    await world.runtime.update(container_id, smaller)
    container = await world.runtime.inspect(container_id)
    assert container is not None and container.is_up
    assert container.limits == smaller


async def test_the_network_lets_no_container_reach_another(world: DockerWorld) -> None:
    options = world.client.inspect_network(world.network)["Options"]
    assert options["com.docker.network.bridge.enable_icc"] == "false"


async def test_a_port_held_by_a_process_names_the_process(world: DockerWorld) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = PortBinding(22, "127.0.0.1", stranger.getsockname()[1])
        container_id = await world.runtime.create(a_spec(world, ports=(port,)))
        with pytest.raises(PortTaken) as caught:
            await world.runtime.start(container_id)
    assert caught.value.holder is not None
    assert "(process " in caught.value.holder


async def test_an_image_without_a_shell_is_told_from_its_exit(world: DockerWorld) -> None:
    world.client.import_image_from_data(b"\0" * 10240, repository="kohakuriver/test-empty")
    try:
        container_id = await started(world, image="kohakuriver/test-empty")
        code = world.client.wait(container_id)["StatusCode"]
        has_shell = await world.runtime.has_file(container_id, keepalive.SHELL)
        await world.runtime.remove(container_id)
    finally:
        world.client.remove_image("kohakuriver/test-empty")
    why = keepalive.why_it_ended(
        image="kohakuriver/test-empty", command=(), exit_code=code, has_shell=has_shell
    )
    assert why is not None
    assert "has no /bin/sh" in why["message"]


async def test_an_image_without_sshd_is_kept_running_by_the_shell_alone(world: DockerWorld) -> None:
    container_id = await started(world, image=BUSYBOX)
    commands = [row[-1] for row in world.client.top(container_id)["Processes"]]
    assert "sshd" not in {Path(command.split()[0]).name for command in commands}


async def test_what_an_agent_left_that_died_while_it_looked_into_an_image_keeps_no_image(
    world: DockerWorld,
) -> None:
    reference = f"kohakuriver/snapshot-{uuid.uuid4().hex[:8]}:latest"
    container_id = await started(world)
    await world.runtime.commit(container_id, reference, {"kohakuriver.io/x": "y"})
    label = {"kohakuriver.io/looked-into": ""}
    left = world.client.create_container(reference, ["/"], labels=label)["Id"]
    other = world.client.create_container(BUSYBOX, ["/"], labels=label)["Id"]
    try:
        await world.runtime.remove_image(reference)
        assert await world.runtime.image(reference) is None
        with pytest.raises(docker.errors.NotFound):
            world.client.inspect_container(left)
        assert world.client.inspect_container(other)["Id"] == other, "somebody looks into that one"
    finally:
        world.client.remove_container(other, force=True)


async def test_an_engine_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    runtime = DockerRuntime(cluster="c1", socket_path=str(tmp_path / "docker.sock"))
    with pytest.raises(RuntimeUnavailable):
        await runtime.list()
    with pytest.raises(RuntimeUnavailable):
        await anext(runtime.events())
    await runtime.aclose()


@pytest.mark.parametrize("frozen", [False, True])
async def test_what_runs_of_a_container_is_found_and_ended_without_the_engine(
    world: DockerWorld, frozen: bool
) -> None:
    container_id = await started(world)
    if frozen:
        await world.runtime.pause(container_id)
    assert await leftovers.end(container_id) >= 1
    world.client.wait(container_id, timeout=10)
    found = await world.runtime.inspect(container_id)
    assert found is not None and not found.is_up
    assert await leftovers.end(container_id) == 0


async def test_what_runs_is_found_below_another_parent_than_the_engine_s_own(world: DockerWorld) -> None:
    driver = world.client.info()["CgroupDriver"]
    parent = "kohakurivertest.slice" if driver == "systemd" else "/kohakuriver-test-parent"
    config = world.client.create_host_config(cgroup_parent=parent, init=True)
    label = {CLUSTER_LABEL: world.cluster}
    made = world.client.create_container(BUSYBOX, ["sleep", "600"], labels=label, host_config=config)
    world.client.start(made["Id"])
    found = await world.runtime.inspect(made["Id"])
    assert found is not None and found.is_up
    assert world.runtime.blind() == ""
    assert await leftovers.end(made["Id"]) >= 1


async def test_a_stopped_container_starts_again_on_a_network_that_was_pruned_and_made_anew(
    world: DockerWorld,
) -> None:
    container_id = await started(world)
    await world.runtime.stop(container_id, 0)
    world.client.remove_network(world.network)
    await world.runtime.ensure_network(world.network)
    await world.runtime.start(container_id)
    found = await world.runtime.inspect(container_id)
    assert found is not None and found.is_up and found.ip


async def test_of_two_networks_that_two_agents_made_at_once_the_older_stays(world: DockerWorld) -> None:
    """An engine before 25 lets them, and then starts nothing: the name is ambiguous. Later ones refuse."""
    first = await world.runtime.ensure_network(world.network)
    for _ in range(2):
        try:
            world.client.create_network(
                world.network, driver="bridge", labels={CLUSTER_LABEL: world.cluster}, check_duplicate=False
            )
        except docker.errors.APIError as error:
            assert "already exists" in error.explanation
            assert tuple(map(int, world.client.api_version.split("."))) >= (1, 44)
    assert await world.runtime.ensure_network(world.network) == first
    assert len(world.client.networks(names=[world.network])) == 1
    found = await world.runtime.inspect(await started(world))
    assert found is not None and found.is_up and found.ip
