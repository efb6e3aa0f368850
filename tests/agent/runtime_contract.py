"""What every `Runtime` must do. test_runtime_fake.py and test_runtime_docker.py run it on both.

A world gives a test its runtimes and what only the engine's owner can do: declare a program's exit.
"""

import asyncio
import contextlib
import dataclasses
import hashlib
import re
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest

from kohakuriver import image_name
from kohakuriver.agent.deciding.memory import moment
from kohakuriver.agent.runtime.base import (
    CLUSTER_LABEL,
    SUBSCRIBED,
    ChangeKind,
    ContainerSpec,
    ContainerState,
    EngineVolume,
    File,
    Limits,
    PortBinding,
    PullProgress,
    Runtime,
    Stocked,
    VolumeMount,
)
from kohakuriver.agent.runtime.errors import (
    EngineRefused,
    ImageMissing,
    ImagePullFailed,
    NameTaken,
    NotFound,
    PortTaken,
    WrongState,
)

BUSYBOX = "kohakuriver/busybox"


class World(Protocol):
    """One engine and the cluster under test."""

    cluster: str
    network: str

    @property
    def runtime(self) -> Runtime:
        """The cluster's view of the engine."""
        ...

    def runtime_of(self, cluster: str) -> Runtime:
        """Another cluster's view of the same engine."""
        ...

    def that_exits(self, spec: ContainerSpec, *, code: int) -> ContainerSpec:
        """The same container, whose program ends at once with this code."""
        ...

    async def listens(self, container_id: str) -> None:
        """Until the keep-alive of a running container has set itself up, and hears what it is told."""
        ...

    def use_memory(self, container_id: str, amount: int) -> None:
        """Programs in a running container use so many bytes from now on."""
        ...

    def unweigh(self, container_id: str) -> None:
        """It weighs what the engine gives to whom nobody gives a weight."""
        ...

    def free_port(self) -> int:
        """A port of the node that nobody listens on."""
        ...


def a_spec(world: World, **changes: Any) -> ContainerSpec:
    """A small container of the world's cluster."""
    spec = ContainerSpec(
        name=f"kohakuriver-test-{uuid.uuid4().hex[:8]}",
        image=BUSYBOX,
        hostname="box",
        labels={CLUSTER_LABEL: world.cluster, "kohakuriver.io/uid": "u1"},
        limits=Limits(millicores=100, memory=64 << 20),
        network=world.network,
    )
    return dataclasses.replace(spec, **changes)


async def started(world: World, **changes: Any) -> str:
    """A running container."""
    container_id = await world.runtime.create(a_spec(world, **changes))
    await world.runtime.start(container_id)
    return container_id


class RuntimeContract:
    """The rules. A subclass provides the `world` fixture."""

    async def test_the_engine_says_what_machine_it_is_on(self, world: World) -> None:
        info = await world.runtime.info()
        assert info.id
        assert info.cores >= 1
        assert info.memory > 0

    async def test_a_created_container_has_all_it_was_asked_for_and_does_not_run(self, world: World) -> None:
        spec = a_spec(world)
        container_id = await world.runtime.create(spec)
        container = await world.runtime.inspect(spec.name)
        assert container is not None
        assert container.id == container_id
        assert container.state is ContainerState.CREATED
        assert container.name == spec.name
        assert container.image == BUSYBOX
        assert container.limits == spec.limits
        assert dict(spec.labels).items() <= dict(container.labels).items()
        assert (container.started_at, container.exit_code, container.pid) == (None, None, None)

    async def test_a_started_container_runs_and_has_an_address(self, world: World) -> None:
        container = await world.runtime.inspect(await started(world))
        assert container is not None
        assert container.state is ContainerState.RUNNING
        assert container.is_up
        assert container.pid
        assert container.ip
        assert container.started_at
        assert container.exit_code is None

    async def test_creating_a_name_twice_names_the_first(self, world: World) -> None:
        spec = a_spec(world)
        first = await world.runtime.create(spec)
        with pytest.raises(NameTaken) as caught:
            await world.runtime.create(spec)
        assert caught.value.container_id == first

    async def test_an_image_the_engine_lacks_is_told_apart(self, world: World) -> None:
        with pytest.raises(ImageMissing):
            await world.runtime.create(a_spec(world, image="kohakuriver/no-such-image"))

    async def test_starting_what_runs_changes_nothing(self, world: World) -> None:
        container_id = await started(world)
        before = await world.runtime.inspect(container_id)
        await world.runtime.start(container_id)
        assert await world.runtime.inspect(container_id) == before

    async def test_a_stopped_container_keeps_its_files_and_may_be_stopped_again(self, world: World) -> None:
        container_id = await started(world)
        await world.runtime.put_files(container_id, [File("/etc/kohakuriver/note", b"kept")])
        await world.listens(container_id)
        await world.runtime.stop(container_id, 10)
        await world.runtime.stop(container_id, 10)
        container = await world.runtime.inspect(container_id)
        assert container is not None
        assert container.state is ContainerState.EXITED
        assert container.exit_code == 0
        assert container.finished_at
        await world.runtime.start(container_id)
        note = await world.runtime.read_file(container_id, "/etc/kohakuriver/note")
        assert note is not None
        assert note.content == b"kept"

    async def test_a_paused_container_can_be_stopped(self, world: World) -> None:
        container_id = await started(world)
        await world.runtime.pause(container_id)
        await world.runtime.stop(container_id, 10)
        container = await world.runtime.inspect(container_id)
        assert container is not None
        assert container.state is ContainerState.EXITED

    async def test_pausing_and_resuming_twice_is_the_same_as_once(self, world: World) -> None:
        container_id = await started(world)
        await world.runtime.pause(container_id)
        await world.runtime.pause(container_id)
        paused = await world.runtime.inspect(container_id)
        await world.runtime.unpause(container_id)
        await world.runtime.unpause(container_id)
        running = await world.runtime.inspect(container_id)
        assert paused is not None
        assert running is not None
        assert paused.state is ContainerState.PAUSED
        assert running.state is ContainerState.RUNNING
        assert running.started_at == paused.started_at

    async def test_what_the_state_does_not_allow_is_said_so(self, world: World) -> None:
        container_id = await world.runtime.create(a_spec(world))
        with pytest.raises(WrongState):
            await world.runtime.pause(container_id)
        with pytest.raises(WrongState):
            await world.runtime.unpause(container_id)
        await world.runtime.start(container_id)
        with pytest.raises(WrongState):
            await world.runtime.remove(container_id)
        await world.runtime.pause(container_id)
        with pytest.raises(WrongState):
            await world.runtime.start(container_id)

    async def test_a_container_started_again_at_once_has_another_start_time(self, world: World) -> None:
        container_id = await started(world)
        first = await world.runtime.inspect(container_id)
        await world.runtime.stop(container_id, 10)
        await world.runtime.start(container_id)
        second = await world.runtime.inspect(container_id)
        assert first is not None and second is not None
        assert moment(first.started_at or "") != moment(second.started_at or "")

    async def test_a_killed_container_says_so_and_may_be_killed_again(self, world: World) -> None:
        container_id = await started(world)
        await world.runtime.kill(container_id)
        await world.runtime.stop(container_id, 0)  # returns when it has ended
        await world.runtime.kill(container_id)
        container = await world.runtime.inspect(container_id)
        assert container is not None
        assert container.exit_code == 137
        assert not container.oom_killed

    async def test_an_exit_code_is_kept_until_the_next_start(self, world: World) -> None:
        container_id = await world.runtime.create(world.that_exits(a_spec(world), code=3))
        async with contextlib.aclosing(world.runtime.events()) as events:
            assert (await anext(events)).action == SUBSCRIBED
            await world.runtime.start(container_id)
            async for event in events:
                if event.action == "die":
                    break
        container = await world.runtime.inspect(container_id)
        assert container is not None
        assert (container.state, container.exit_code) == (ContainerState.EXITED, 3)

    async def test_a_removed_container_is_gone_and_removing_it_again_is_fine(self, world: World) -> None:
        container_id = await started(world)
        await world.runtime.remove(container_id, force=True)
        await world.runtime.remove(container_id, force=True)
        assert await world.runtime.inspect(container_id) is None
        assert await world.runtime.list() == []

    async def test_nothing_is_left_of_what_is_gone_and_what_is_up_is_no_leftover(self, world: World) -> None:
        container_id = await started(world)
        assert await world.runtime.end_leftovers(container_id) == 0
        found = await world.runtime.inspect(container_id)
        assert found is not None and found.is_up
        await world.runtime.remove(container_id, force=True)
        assert await world.runtime.end_leftovers(container_id) == 0

    async def test_what_is_left_of_containers_can_be_seen_where_one_runs(self, world: World) -> None:
        await world.runtime.inspect(await started(world))
        assert world.runtime.blind() == ""

    async def test_everything_else_asked_of_a_missing_container_is_not_found(self, world: World) -> None:
        runtime, missing = world.runtime, "f" * 64
        for act in (
            runtime.start(missing),
            runtime.stop(missing, 1),
            runtime.kill(missing),
            runtime.pause(missing),
            runtime.unpause(missing),
            runtime.update(missing, Limits(millicores=100, memory=64 << 20)),
            runtime.put_files(missing, [File("/x", b"")]),
            runtime.has_file(missing, "/bin/sh"),
            runtime.read_file(missing, "/etc/shadow"),
        ):
            with pytest.raises(NotFound):
                await act

    async def test_limits_change_while_it_runs(self, world: World) -> None:
        container_id = await started(world)
        limits = Limits(millicores=1500, memory=128 << 20)
        await world.runtime.update(container_id, limits)
        container = await world.runtime.inspect(container_id)
        assert container is not None
        assert container.limits == limits

    async def test_a_container_without_the_weight_of_its_cores_gets_it(self, world: World) -> None:
        container_id = await started(world)
        world.unweigh(container_id)
        before = await world.runtime.inspect(container_id)
        assert before is not None and before.limits is not None and not before.limits.is_weighed
        await world.runtime.update(container_id, a_spec(world).limits)
        after = await world.runtime.inspect(container_id)
        assert after is not None and after.limits == a_spec(world).limits
        assert after.started_at == before.started_at

    async def test_less_memory_than_is_used_is_refused_and_ends_nothing(self, world: World) -> None:
        container_id = await started(world)
        world.use_memory(container_id, 40 << 20)
        before = await world.runtime.inspect(container_id)
        with pytest.raises(EngineRefused):
            await world.runtime.update(container_id, Limits(millicores=100, memory=16 << 20))
        assert await world.runtime.inspect(container_id) == before
        await world.runtime.stop(container_id, 0)
        await world.runtime.update(container_id, Limits(millicores=100, memory=16 << 20))

    async def test_files_of_a_spec_are_there_before_the_start(self, world: World) -> None:
        file = File("/etc/kohakuriver/secret", b"\x00\xff", mode=0o600)
        container_id = await world.runtime.create(a_spec(world, files=(file,)))
        assert await world.runtime.read_file(container_id, file.path) == file

    async def test_files_can_be_looked_for(self, world: World) -> None:
        container_id = await world.runtime.create(a_spec(world))
        assert await world.runtime.has_file(container_id, "/bin/sh")
        assert not await world.runtime.has_file(container_id, "/usr/sbin/sshd")
        assert await world.runtime.read_file(container_id, "/no/such/file") is None

    async def test_a_cluster_does_not_see_anothers_containers(self, world: World) -> None:
        container_id = await started(world)
        other = world.runtime_of("another-cluster")
        assert await other.list() == []
        assert await other.inspect(container_id) is None
        assert [container.id for container in await world.runtime.list()] == [container_id]

    async def test_a_taken_port_names_its_holder_and_works_once_it_is_free(self, world: World) -> None:
        port = PortBinding(22, "127.0.0.1", world.free_port())
        holder = a_spec(world, ports=(port,))
        holder_id = await world.runtime.create(holder)
        await world.runtime.start(holder_id)
        container_id = await world.runtime.create(a_spec(world, ports=(port,)))
        with pytest.raises(PortTaken) as caught:
            await world.runtime.start(container_id)
        assert caught.value.port == port.host_port
        assert caught.value.holder == f"container {holder.name}"
        await world.runtime.remove(holder_id, force=True)
        await world.runtime.start(container_id)
        container = await world.runtime.inspect(container_id)
        assert container is not None
        assert container.state is ContainerState.RUNNING

    async def test_events_tell_of_the_clusters_containers_in_order(self, world: World) -> None:
        seen: list[str] = []
        async with contextlib.aclosing(world.runtime.events()) as events:
            assert (await anext(events)).action == SUBSCRIBED
            container_id = await started(world)
            await world.runtime.remove(container_id, force=True)
            async for event in events:
                assert event.container_id == container_id
                assert event.labels["kohakuriver.io/uid"] == "u1"
                seen.append(event.action)
                if event.action == "destroy":
                    break
        assert [action for action in seen if action != "kill"] == ["create", "start", "die", "destroy"]

    async def test_the_network_is_made_once_and_is_one_clusters_alone(self, world: World) -> None:
        await world.runtime.ensure_network(world.network)
        with pytest.raises(EngineRefused):
            await world.runtime_of("another-cluster").ensure_network(world.network)

    async def test_the_network_s_bridge_has_a_name_that_stays(self, world: World) -> None:
        first = await world.runtime.ensure_network(world.network)
        assert first and len(first) < 16
        assert await world.runtime.ensure_network(world.network) == first

    async def test_a_volume_is_made_once_and_is_one_clusters_alone(self, world: World) -> None:
        volume = EngineVolume(f"kohakuriver-test-{uuid.uuid4().hex[:8]}", {CLUSTER_LABEL: world.cluster})
        await world.runtime.make_volume(volume)
        await world.runtime.make_volume(volume)
        assert volume in await world.runtime.volumes()
        assert await world.runtime_of("another-cluster").volumes() == ()
        await world.runtime.remove_volume(volume.name)

    async def test_a_commit_carries_files_over_and_nothing_of_whose_they_were(self, world: World) -> None:
        runtime, reference = world.runtime, f"kohakuriver/commit-{uuid.uuid4().hex[:8]}:1"
        container_id = await started(world, env={"SECRET": "1"})
        file = File("/etc/kohakuriver/note", b"kept", mode=0o600)
        await runtime.put_files(container_id, [file])
        await runtime.stop(container_id, 0)
        assert await runtime.written(container_id) >= len(file.content)
        try:
            await runtime.commit(container_id, reference, {"kohakuriver.io/commit-of": container_id})
            image = await runtime.image(reference)
            assert image is not None and image.labels["kohakuriver.io/commit-of"] == container_id
            assert not image.labels.get(CLUSTER_LABEL)
            again = await runtime.create(a_spec(world, image=reference))
            assert await runtime.read_file(again, file.path) == file
            found = await runtime.inspect(again)
            assert found is not None and found.labels["kohakuriver.io/uid"] == "u1"
            await runtime.remove(again)
        finally:
            await runtime.remove(container_id)
            await runtime.remove_image(reference)
            await runtime.remove_image(reference)
        assert await runtime.image(reference) is None

    @pytest.mark.parametrize("frozen", [True, False])
    async def test_a_commit_neither_pauses_nor_thaws_what_runs(self, world: World, *, frozen: bool) -> None:
        runtime, reference = world.runtime, f"kohakuriver/snapshot-{uuid.uuid4().hex[:8]}:latest"
        container_id = await started(world)
        if frozen:
            await runtime.pause(container_id)
        told: list[str] = []
        events = runtime.events()
        async for event in events:
            told.append(event.action)
            if event.action == SUBSCRIBED:
                await runtime.commit(container_id, reference, {"kohakuriver.io/snapshot-of": "u1"})
                await runtime.rename(container_id, f"kohakuriver-test-{uuid.uuid4().hex[:8]}")
            if event.action == "rename":
                break
        await events.aclose()
        await runtime.remove_image(reference)
        found = await runtime.inspect(container_id)
        assert found is not None
        assert found.state is (ContainerState.PAUSED if frozen else ContainerState.RUNNING)
        assert told == [SUBSCRIBED, "rename"]

    async def test_the_folder_of_a_volume_is_known_also_while_another_takes_its_place(
        self, world: World
    ) -> None:
        runtime, name = world.runtime, f"kohakuriver-test-{world.cluster[:8]}-{uuid.uuid4().hex[:8]}"
        assert await runtime.volume_folder(name) is None
        await runtime.make_volume(EngineVolume(name, {CLUSTER_LABEL: world.cluster}))
        folder = Path(str(await runtime.volume_folder(name)))
        beside = await asyncio.to_thread(folder.rename, folder.with_name("_data.beside"))
        assert await runtime.volume_folder(name) == str(folder)
        await runtime.remove_volume(name)
        assert await runtime.volume_folder(name) is None
        assert not await asyncio.to_thread(beside.exists)

    async def test_the_volumes_of_a_container_are_known_with_where_their_files_are(
        self, world: World
    ) -> None:
        runtime, labels = world.runtime, {CLUSTER_LABEL: world.cluster}
        name = f"kohakuriver-test-{world.cluster[:8]}-{uuid.uuid4().hex[:8]}"
        volumes = (VolumeMount(f"{name}-b", "/b", labels), VolumeMount(f"{name}-a", "/a", labels))
        container_id = await started(world, volumes=volumes)
        await runtime.stop(container_id, grace=0)
        found = await runtime.volumes_of(container_id)
        assert [(one.name, one.target) for one in found] == [(f"{name}-a", "/a"), (f"{name}-b", "/b")]
        assert {Path(one.folder).is_dir() for one in found} == {True}  # noqa: ASYNC240
        assert found[0].folder != found[1].folder
        assert await runtime.volumes_of(await runtime.create(a_spec(world))) == ()
        with pytest.raises(NotFound):
            await runtime.volumes_of("gone")

    async def test_an_image_that_is_used_gives_its_name_up_for_another(self, world: World) -> None:
        runtime, name = world.runtime, f"kohakuriver/snapshot-{uuid.uuid4().hex[:8]}"
        of = await runtime.create(a_spec(world))
        await runtime.put_files(of, [File("/note", b"kept")])
        await runtime.commit(of, f"{name}:latest", {})
        using = await runtime.create(a_spec(world, image=f"{name}:latest"))
        with pytest.raises((EngineRefused, WrongState)):
            await runtime.remove_image(f"{name}:latest")
        await runtime.tag(f"{name}:latest", f"{name}:gone")
        await runtime.remove_image(f"{name}:latest")
        with pytest.raises(ImageMissing):
            await runtime.tag(f"{name}:latest", f"{name}:other")
        with pytest.raises((EngineRefused, WrongState)):
            await runtime.remove_image(f"{name}:gone")
        assert await runtime.read_file(using, "/note") == File("/note", b"kept")
        await runtime.remove(using)
        await runtime.remove_image(f"{name}:gone")
        assert await runtime.image(f"{name}:gone") is None

    async def test_a_container_can_be_renamed_but_not_to_anothers_name(self, world: World) -> None:
        first, second = a_spec(world), a_spec(world)
        first_id = await world.runtime.create(first)
        second_id = await world.runtime.create(second)
        with pytest.raises(NameTaken) as caught:
            await world.runtime.rename(second_id, first.name)
        assert caught.value.container_id == first_id
        await world.runtime.rename(first_id, f"{first.name}-old")
        await world.runtime.rename(second_id, first.name)
        found = await world.runtime.inspect(first.name)
        assert found is not None and found.id == second_id

    async def test_images_are_known_by_name(self, world: World) -> None:
        image = await world.runtime.image(BUSYBOX)
        assert image is not None
        assert image.id.startswith("sha256:")
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", image.built)
        assert await world.runtime.image("kohakuriver/no-such-image") is None

    async def test_an_image_s_id_or_the_beginning_of_it_is_not_its_name(self, world: World) -> None:
        image = await world.runtime.image(BUSYBOX)
        assert image is not None
        digits = image.id.removeprefix("sha256:")
        for reference in (image.id, digits, digits[:12], digits[:4], image.id[:12], f"{digits[:6]}:latest"):
            assert await world.runtime.image(reference) is None
            with pytest.raises(ImageMissing) as caught:
                await world.runtime.create(a_spec(world, image=reference))
            assert caught.value.image == reference

    async def test_one_name_may_be_written_in_several_ways(self, world: World) -> None:
        for reference in (f"{BUSYBOX}:latest", f"docker.io/{BUSYBOX}", f"index.docker.io/{BUSYBOX}:latest"):
            assert await world.runtime.image(reference) == await world.runtime.image(BUSYBOX)
            container_id = await world.runtime.create(a_spec(world, image=reference))
            found = await world.runtime.inspect(container_id)
            assert found is not None and found.image == reference
            assert next(one.image for one in await world.runtime.list() if one.id == found.id) == reference

    @pytest.mark.parametrize("registry", ["", "docker.io/", "index.docker.io/", "registry-1.docker.io/"])
    @pytest.mark.parametrize("name", ["debian-ssh", "no-such-image", "environment-lab:0123456789ab"])
    async def test_the_projects_own_images_come_from_no_registry(
        self, world: World, registry: str, name: str
    ) -> None:
        told: list[PullProgress] = []
        with pytest.raises(ImagePullFailed, match=f"{name}.*come from no registry"):
            await world.runtime.pull(f"{registry}kohakuriver/{name}", told.append)
        assert told == [], "no registry was asked"

    async def test_a_volume_carries_its_labels_and_goes_only_when_nobody_has_it(self, world: World) -> None:
        runtime, name = world.runtime, f"kohakuriver-test-{world.cluster[:8]}"
        labels = {CLUSTER_LABEL: world.cluster, "kohakuriver.io/volume": "v"}
        container_id = await runtime.create(a_spec(world, volumes=(VolumeMount(name, "/files", labels),)))
        found = {one.name: dict(one.labels) for one in await runtime.volumes()}
        assert found == {name: labels}
        with pytest.raises(EngineRefused, match="in use"):
            await runtime.remove_volume(name)
        await runtime.remove(container_id, force=True)
        assert len(await runtime.volumes()) == 1
        with pytest.raises(EngineRefused, match="not this cluster's"):
            await world.runtime_of("another-cluster").remove_volume(name)
        await runtime.remove_volume(name)
        await runtime.remove_volume(name)
        assert await runtime.volumes() == ()

    async def test_where_its_files_lie_is_known_once_it_was_seen_to_run(self, world: World) -> None:
        volume = VolumeMount(f"{world.cluster}-where", "/kept", {CLUSTER_LABEL: world.cluster})
        container_id = await world.runtime.create(a_spec(world, volumes=(volume,)))
        created: tuple[str, ...] | None = None
        with contextlib.suppress(EngineRefused):  # with containerd's store it is not known until it has run
            created = await world.runtime.folders(container_id, carried=0)
        await world.runtime.start(container_id)
        before = await world.runtime.folders(container_id, carried=0)
        assert created in (None, before)
        assert (len(before), len(set(before))) == (2, 2)
        assert volume.name in before[1]
        carried = await world.runtime.folders(container_id, carried=1)
        await world.runtime.stop(container_id, grace=0)
        assert await world.runtime.folders(container_id, carried=0) == before
        assert (len(carried), carried[0], carried[-1]) == (3, *before)
        with pytest.raises(NotFound):
            await world.runtime.folders("gone", carried=0)

    async def test_the_stock_of_images_says_which_are_used_and_those_stay(self, world: World) -> None:
        def named(stock: Sequence[Stocked], name: str) -> Stocked | None:
            return next((one for one in stock if one.name == image_name.full(name)), None)

        name = f"kr-test-{world.cluster[:8]}:1"
        container_id = await world.runtime.create(a_spec(world))
        await world.runtime.commit(container_id, name, {"a": "label"})
        found = named(await world.runtime.stock(), name)
        assert found is not None
        assert (found.is_used, found.labels.get("a")) == (False, "label")
        other = await world.runtime.create(a_spec(world, image=name))
        found = named(await world.runtime.stock(), name)
        assert found is not None and found.is_used
        with pytest.raises((EngineRefused, WrongState)):
            await world.runtime.remove_image(name)
        await world.runtime.remove(other)
        await world.runtime.remove_image(name)
        assert named(await world.runtime.stock(), name) is None

    async def test_cores_are_narrowed_under_a_running_container_and_kept_by_other_changes(
        self, world: World
    ) -> None:
        container_id = await started(world)
        limits = Limits(millicores=100, memory=64 << 20, cpuset="0")
        await world.runtime.update(container_id, limits)
        seen = await world.runtime.inspect(container_id)
        assert seen is not None and seen.limits == limits
        await world.runtime.update(container_id, Limits(millicores=200, memory=64 << 20))
        seen = await world.runtime.inspect(container_id)
        assert seen is not None and seen.limits == Limits(millicores=200, memory=64 << 20, cpuset="0")

    async def test_published_ports_are_seen(self, world: World) -> None:
        port = PortBinding(22, "127.0.0.1", world.free_port())
        container_id = await world.runtime.create(a_spec(world, ports=(port,)))
        seen = await world.runtime.inspect(container_id)
        assert seen is not None and seen.ports == (port,)

    async def test_a_snapshot_of_a_running_container_is_without_one_folder(
        self, world: World, tmp_path: Path
    ) -> None:
        runtime, reference = world.runtime, f"kohakuriver/environment-test:{uuid.uuid4().hex[:8]}"
        kept, secret = (
            File("/work/notes", b"kept", mode=0o640),
            File("/keys/key", b"private-words", mode=0o600),
        )
        container_id = await started(world, env={"SECRET": "1"})
        await runtime.put_files(container_id, [kept, secret])
        try:
            await runtime.snapshot(container_id, reference, {"kohakuriver.io/x": "y"}, without="/keys")
            image = await runtime.image(reference)
            assert image is not None and image.labels["kohakuriver.io/x"] == "y"
            assert not image.labels.get(CLUSTER_LABEL)
            again = await runtime.create(a_spec(world, image=reference))
            assert await runtime.read_file(again, kept.path) == kept
            assert await runtime.read_file(again, secret.path) is None
            await runtime.remove(again)
            digest = await runtime.save(reference, tmp_path / "it.tar")
            data = (tmp_path / "it.tar").read_bytes()
            assert digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
            assert b"private-words" not in data
            await runtime.remove_image(reference)
            await runtime.load(tmp_path / "it.tar", reference)
            assert await runtime.image(reference) is not None
        finally:
            await runtime.remove(container_id, force=True)
            await runtime.remove_image(reference)

    async def test_what_was_changed_in_a_container_is_told_and_its_image_may_be_compared_with_it(
        self, world: World
    ) -> None:
        runtime, reference = world.runtime, f"kohakuriver/snapshot-{uuid.uuid4().hex[:8]}:latest"
        container_id = await started(world)
        same, other = File("/work/same", b"1"), File("/work/other \u00e4\n\x1b", b"1")
        await runtime.put_files(container_id, [same, other])
        await runtime.stop(container_id, 0)
        found: dict[str, ChangeKind] = {}
        await runtime.changes(container_id, lambda told: found.update((one.path, one.kind) for one in told))
        assert {found[same.path], found[other.path]} == {ChangeKind.ADDED}
        await runtime.commit(container_id, reference, {"kohakuriver.io/snapshot-of": "u1"})
        try:
            await runtime.put_files(
                container_id, [dataclasses.replace(other, content=b"22"), File("/new", b"")]
            )
            was: dict[str, bytes] = {}
            now: dict[str, bytes] = {}
            await runtime.files_of_image(
                reference, lambda told: was.update((one.path, one.mark) for one in told)
            )
            await runtime.files(container_id, lambda told: now.update((one.path, one.mark) for one in told))
            assert was[same.path] == now[same.path] != b""
            assert was[other.path] != now[other.path]
            assert "/new" in now and "/new" not in was
            assert not [one for one in await runtime.list() if one.id != container_id], "nothing is left"
        finally:
            await runtime.remove(container_id)
            await runtime.remove_image(reference)
        with pytest.raises(ImageMissing):
            await runtime.files_of_image(reference, lambda told: None)

    async def test_who_does_not_want_to_hear_more_ends_the_telling(self, world: World) -> None:
        container_id = await started(world)
        await world.runtime.put_files(container_id, [File("/work/note", b"1")])

        def told(found: Sequence[object]) -> None:
            raise StopHearing

        for call in (world.runtime.changes, world.runtime.files):
            with pytest.raises(StopHearing):
                await call(container_id, told)
        with pytest.raises(NotFound):
            await world.runtime.changes("0" * 64, lambda told: None)


class StopHearing(Exception):
    """Somebody has heard enough."""
