"""Fields of VPS, Environment and Node that exclude or need each other: each mistake at its own path."""

from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.resources import kinds
from tests.apiserver.writing import World, a_vps, a_world

pytestmark = [pytest.mark.looptime, pytest.mark.fault(43)]

Json = dict[str, Any]
MOUNT = {"source": "/data", "target": "/data"}
DIGEST = "sha256:" + "a" * 64


@pytest.fixture
async def world() -> World:
    return await a_world()


@pytest.mark.parametrize(
    ("spec", "field", "says"),
    [
        (
            {"resources": {"cores": 1.5, "exclusive": True}},
            "spec.resources.exclusive",
            'invalid number of exclusive cores "1.5"',
        ),
        ({"placement": {"numa": -1}}, "spec.placement.numa", "greater than or equal to 0"),
        ({"placement": {"gpus": {"ids": [0]}}}, "spec.placement.gpus", "set placement.node"),
        ({"placement": {"gpus": {"ids": []}}}, "spec.placement.gpus.ids", "at least 1"),
        (
            {"placement": {"node": "n1", "gpus": {"ids": ["0"]}}},
            "spec.placement.gpus.ids[0]",
            "index as a number",
        ),
        (
            {"placement": {"node": "n1", "gpus": {"ids": [1, 1]}}},
            "spec.placement.gpus.ids",
            "GPU 1 is named twice",
        ),
        (
            {"placement": {"node": "n1", "gpus": {"ids": [0], "count": 1}}},
            "spec.placement.gpus.count",
            "leave count out",
        ),
        (
            {"placement": {"node": "n1", "gpus": {"ids": [0], "model": "A100"}}},
            "spec.placement.gpus.model",
            "leave model out",
        ),
        ({"placement": {"gpus": {"count": 0}}}, "spec.placement.gpus.count", "greater than or equal to 1"),
        ({"image": "a", "environment": "b"}, "spec.environment", "set one of the two"),
        ({"mounts": [{"source": "data", "target": "/x"}]}, "spec.mounts[0].source", "absolute path"),
        (
            {"mounts": [{"source": "/data/../etc", "target": "/x"}]},
            "spec.mounts[0].source",
            "without '.', '..'",
        ),
        ({"mounts": [{"source": "/data", "target": "/"}]}, "spec.mounts[0].target", "name a folder in it"),
        ({"mounts": [MOUNT, MOUNT]}, "spec.mounts", "two mounts have the target /data"),
        ({"volumes": [{"name": "Home", "target": "/x"}]}, "spec.volumes[0].name", "pattern"),
        (
            {"volumes": [{"name": "a", "target": "/x"}, {"name": "a", "target": "/y"}]},
            "spec.volumes",
            "two volumes are named a",
        ),
        (
            {"mounts": [MOUNT], "volumes": [{"name": "a", "target": "/data"}]},
            "spec.volumes",
            "the target /data is another",
        ),
        (
            {"volumes": [{"name": "a", "target": "/x", "reclaimPolicy": "keep"}]},
            "spec.volumes[0].reclaimPolicy",
            "Unsupported value",
        ),
        ({"onNodeLost": "Move"}, "spec.onNodeLost", 'supported values: "Wait"'),
    ],
    ids=str,
)
async def test_a_mistake_is_named_at_its_place(world: World, spec: Json, field: str, says: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        await world.create(a_vps(**spec))
    [cause] = caught.value.causes
    assert cause.field == field
    assert says in cause.message


async def test_defaults_are_written_out(world: World) -> None:
    made = await world.create(a_vps(placement={"gpus": {}}, mounts=[MOUNT]))
    spec = made.object["spec"]
    assert spec["placement"] == {"gpus": {"count": 1}}
    assert spec["mounts"] == [{**MOUNT, "readOnly": False}]
    assert spec["onNodeLost"] == "Wait" and spec["image"] == "kohakuriver/debian-ssh"
    assert not {"privileged", "volumes", "environment"} & spec.keys()


async def test_gpus_by_uuid_need_no_node(world: World) -> None:
    await world.create(a_vps(placement={"gpus": {"ids": ["GPU-5a7c9d1e-0000"]}}))


def an_environment(**spec: Any) -> Json:
    return {
        "apiVersion": kinds.API_VERSION,
        "kind": "Environment",
        "metadata": {"name": "cuda"},
        "spec": spec,
    }


@pytest.mark.parametrize(
    ("spec", "field", "says"),
    [
        ({}, "spec", "set image, or tarball and digest"),
        ({"tarball": "/srv/cuda.tar"}, "spec", "set digest beside tarball"),
        ({"image": "a", "tarball": "/srv/cuda.tar", "digest": DIGEST}, "spec.tarball", "leave the other out"),
        ({"image": "a", "digest": DIGEST}, "spec.digest", "carries its digest in its name"),
        ({"tarball": "cuda.tar", "digest": DIGEST}, "spec.tarball", "absolute path, or a URL"),
        (
            {"tarball": "https://me:pw@images.example/a.tar", "digest": DIGEST},
            "spec.tarball",
            "leave them out",
        ),
        ({"tarball": "/srv/cuda.tar", "digest": "md5:1"}, "spec.digest", "pattern"),
    ],
    ids=str,
)
async def test_an_environment_is_an_image_or_a_tarball_with_its_digest(
    world: World, spec: Json, field: str, says: str
) -> None:
    with pytest.raises(errors.Invalid) as caught:
        await world.create(an_environment(**spec), resource=kinds.ENVIRONMENT)
    assert caught.value.causes[0].field == field
    assert any(says in cause.message for cause in caught.value.causes)


@pytest.mark.parametrize(
    "spec",
    [
        {"image": "nvidia/cuda:12"},
        {"tarball": "/srv/cuda.tar", "digest": DIGEST},
        {"tarball": "https://images.example/cuda.tar", "digest": DIGEST},
        {"tarball": "https://images.example/me@home.tar?by=a@b", "digest": DIGEST},
    ],
    ids=str,
)
async def test_an_environment_is_stored_as_it_was_written(world: World, spec: Json) -> None:
    made = await world.create(an_environment(**spec), resource=kinds.ENVIRONMENT)
    assert made.object["spec"] == spec


async def test_a_node_reports_numa_nodes_gpus_and_what_it_allows(world: World) -> None:
    node = {"apiVersion": kinds.API_VERSION, "kind": "Node", "metadata": {"name": "n1"}}
    await world.create(node, resource=kinds.NODE)
    status = {
        "numa": [{"id": 0, "cpuset": "0-3", "memory": "16Gi"}],
        "gpus": [
            {"index": 0, "uuid": "GPU-1", "model": "A100", "memory": "40Gi", "numa": 0, "healthy": True}
        ],
        "allowMounts": [{"prefix": "/data", "readOnly": True}],
        "allowPrivileged": False,
        "volumes": [{"namespace": "default", "vps": "dev", "name": "home"}],
    }
    made = await world.patch({"status": status}, "n1", resource=kinds.NODE, subresource="status")
    assert made.object["status"] == status and not made.warnings
