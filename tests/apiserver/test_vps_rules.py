"""What of a spec may change live, at the next restart, or never while bound; and what is no image."""

from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.resources import kinds
from tests.apiserver.writing import ADMIN, ALICE, World, a_gpu, a_node, a_vps, a_world

pytestmark = pytest.mark.looptime

Json = dict[str, Any]


@pytest.fixture
async def world() -> World:
    return await a_world(a_node("n1", numa=("0-1", "2-3"), gpus=(a_gpu(0), a_gpu(1, numa=1))))


@pytest.mark.parametrize(
    "image",
    [
        "sha256:" + "a" * 64,
        "sha256:abc",
        "a" * 64,
        "0123456789ab",
        "134b",
        "a",
        "cafe",
        "kohakuriver/commit-1f2e:3",
        "docker.io/kohakuriver/commit-x",
        "index.docker.io/kohakuriver/commit-x:1",
        "registry-1.docker.io/kohakuriver/commit-x:1",
        "kohakuriver/environment-lab:0123456789ab",
        "kohakuriver/snapshot-0123456789abcdef0123:latest",
        "index.docker.io/kohakuriver/environment-lab",
    ],
)
@pytest.mark.parametrize("user", [ADMIN, ALICE], ids=lambda user: user.name)
async def test_image_ids_and_committed_images_are_refused(world: World, image: str, user: Any) -> None:
    with pytest.raises(errors.Invalid) as caught:
        await world.create(a_vps(image=image), user=user)
    assert caught.value.causes[0].field == "spec.image"
    await world.create(a_vps(), user=user)
    with pytest.raises(errors.Invalid):
        await world.patch({"spec": {"image": image}}, user=user)


@pytest.mark.parametrize(
    "image", ["debian@sha256:" + "a" * 64, "kohakuriver/busybox", "library/cafe", "deadbeef:12"]
)
async def test_names_of_images_are_taken(world: World, image: str) -> None:
    assert (await world.create(a_vps(image=image))).object["spec"]["image"] == image


async def test_what_a_vps_has_named_all_along_is_no_obstacle_to_another_change(world: World) -> None:
    await world.create(a_vps())
    vps = await world.vps()
    vps["spec"]["image"] = "134b"
    await world.put(kinds.VPS, vps)
    assert (await world.patch({"spec": {"priority": 5}})).object["spec"]["image"] == "134b"
    with pytest.raises(errors.Invalid, match=r"docker\.io/library/134c:latest"):
        await world.patch({"spec": {"image": "134c"}})


@pytest.mark.parametrize(
    "image", ["134b", "sha256:abc", "docker.io/kohakuriver/commit-1f2e:3", "kohakuriver/snapshot-1f2e:latest"]
)
async def test_an_environment_stands_for_no_image_id_and_no_vps_s_files(world: World, image: str) -> None:
    body = {
        "apiVersion": kinds.API_VERSION,
        "kind": "Environment",
        "metadata": {"name": "lab"},
        "spec": {"image": image},
    }
    with pytest.raises(errors.Invalid) as caught:
        await world.create(body, resource=kinds.ENVIRONMENT)
    assert caught.value.causes[0].field == "spec.image"


async def test_an_environment_takes_the_place_of_the_default_image(world: World) -> None:
    made = (await world.create(a_vps(environment="cuda"))).object
    assert "image" not in made["spec"]
    await world.create(a_vps("plain"))
    made = (await world.patch({"spec": {"environment": "cuda"}}, "plain")).object
    assert "image" not in made["spec"], "the server's own default gives way"
    made = (await world.patch({"spec": {"environment": None}}, "plain")).object
    assert made["spec"]["image"] == "kohakuriver/debian-ssh"


async def test_the_image_stands_beside_the_snapshot_that_its_files_begin_from(world: World) -> None:
    """It is what the files begin from again once the Snapshot is not named any more."""
    files = {"snapshot": "s"}
    made = (await world.create(a_vps(filesFrom=files))).object
    assert (made["spec"]["image"], made["spec"]["filesFrom"]) == ("kohakuriver/debian-ssh", files)
    made = (await world.create(a_vps("other", environment="cuda", filesFrom=files))).object
    assert (made["spec"].get("image"), made["spec"]["filesFrom"]) == (None, files)
    made = (await world.patch({"spec": {"filesFrom": None, "replaceFiles": 1}})).object
    assert "filesFrom" not in made["spec"]


async def test_an_image_that_was_chosen_does_not_give_way(world: World) -> None:
    await world.create(a_vps(image="mine"))
    with pytest.raises(errors.Invalid) as caught:
        await world.patch({"spec": {"environment": "cuda"}})
    assert caught.value.causes[0].field == "spec.environment"
    made = (await world.patch({"spec": {"environment": "cuda", "image": None}})).object
    assert "image" not in made["spec"]


@pytest.mark.fault(44)
async def test_the_target_of_a_volume_is_fixed_while_bound_and_the_refusal_says_how(world: World) -> None:
    await world.bound(volumes=[{"name": "home", "target": "/root"}])
    with pytest.raises(errors.Invalid) as caught:
        await world.patch({"spec": {"volumes": [{"name": "home", "target": "/home"}]}})
    [cause] = caught.value.causes
    assert cause.field == "spec.volumes[0].target"
    assert "stays at /root while the VPS is on n1" in cause.message
    assert "another name" in cause.message
    more = [{"name": "home", "target": "/root"}, {"name": "data", "target": "/data"}]
    made = (await world.patch({"spec": {"volumes": more}})).object
    assert [volume["reclaimPolicy"] for volume in made["spec"]["volumes"]] == ["Retain", "Retain"]
    await world.patch({"spec": {"volumes": None}})


async def test_what_takes_effect_at_a_restart_may_be_written_at_any_time(world: World) -> None:
    await world.bound()
    change = {
        "image": "other",
        "env": {"A": "b"},
        "command": ["sh"],
        "mounts": [{"source": "/data", "target": "/data"}],
        "privileged": True,
    }
    made = (await world.patch({"spec": change})).object
    assert made["metadata"]["generation"] == 2
    assert made["spec"]["mounts"][0]["readOnly"] is False


async def test_gpus_may_change_while_bound_and_stay_held_until_the_container_is_made_anew(
    world: World,
) -> None:
    made = await world.bound(placement={"node": "n1", "gpus": {"ids": [0]}})
    assert made["status"]["assignment"]["grant"]["gpus"] == ["GPU-n1-0"]
    made = (await world.patch({"spec": {"placement": {"gpus": {"ids": [1]}}}})).object
    grant = made["status"]["assignment"]["grant"]
    assert grant["gpus"] == ["GPU-n1-1"]
    await world.report(observed={"grant": {**grant, "gpus": ["GPU-n1-0"]}}, observedGeneration=2)
    await world.create(a_vps("other", placement={"gpus": {"count": 1}}))
    with pytest.raises(errors.Invalid, match="0 of 2 GPUs free on n1"):
        await world.act("bind", "other", node="n1")
    await world.report(observed={"grant": grant}, observedGeneration=2)
    made = (await world.act("bind", "other", node="n1")).object
    assert made["status"]["assignment"]["grant"]["gpus"] == ["GPU-n1-0"]


@pytest.mark.fault(23)
async def test_a_gpu_that_is_not_free_refuses_the_change_at_its_field(world: World) -> None:
    await world.bound("holder", placement={"gpus": {"count": 2}})
    await world.bound()
    with pytest.raises(errors.Invalid) as caught:
        await world.patch({"spec": {"placement": {"gpus": {"count": 1}}}})
    [cause] = caught.value.causes
    assert (cause.field, cause.message) == ("spec.placement.gpus", "0 of 2 GPUs free on n1")


async def test_cores_become_exclusive_and_are_pinned_live(world: World) -> None:
    await world.bound(resources={"cores": 2})
    made = (await world.patch({"spec": {"resources": {"exclusive": True}}})).object
    assert made["status"]["assignment"]["grant"]["cpuset"] == "0-1"
    made = (await world.patch({"spec": {"placement": {"numa": 1}}})).object
    grant = made["status"]["assignment"]["grant"]
    assert (grant["cpuset"], grant["numa"]) == ("2-3", 1)
    [entry] = (await world.bookings()).values()
    assert entry["cpuset"] == "0-3", "the former ones are held until applied"
    await world.report(observed={"grant": grant}, observedGeneration=3)
    [entry] = (await world.bookings()).values()
    assert entry["cpuset"] == "2-3"


@pytest.mark.fault(27)
async def test_a_numa_node_that_is_full_refuses_the_change_in_words(world: World) -> None:
    await world.bound("holder", resources={"cores": 2, "exclusive": True}, placement={"numa": 1})
    await world.bound()
    with pytest.raises(errors.Invalid, match="NUMA node 1 of n1 is short of cores: need 1, 0 free"):
        await world.patch({"spec": {"placement": {"numa": 1}}})
    with pytest.raises(errors.Invalid, match="n1 has no NUMA node 7; it has 0, 1"):
        await world.patch({"spec": {"placement": {"numa": 7}}})
