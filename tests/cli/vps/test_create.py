"""`vps create` against the real API server."""

import asyncio
import json

import pytest
import yaml

from kohakuriver.resources import kinds
from tests.cli.lossy import lossy
from tests.cli.vps.objects import a_node, a_vps
from tests.cli.vps.test_login import ED25519


@pytest.fixture
def keys(home):
    """A home folder with the usual key."""
    folder = home / ".ssh"
    folder.mkdir()
    (folder / "id_ed25519.pub").write_text(ED25519 + "\n")
    return folder


async def names(shell) -> list[str]:
    _, out, _ = await shell("get vps -o name")
    return [line.removeprefix("vps/") for line in out.splitlines()]


async def test_the_basic_example_of_the_guide(shell, keys):
    code, out, err = await shell("vps create --cores 2 --memory 4G --no-wait")
    assert (code, err) == (0, "")
    (name,) = await names(shell)
    assert out == f"vps/{name} created\n"
    assert name.startswith("vps-") and len(name) == 9
    spec = (await shell.get(kinds.VPS, name))["spec"]
    assert spec["resources"] == {"cores": 2, "memory": "4G"}
    assert spec["ssh"] == {"authorizedKeys": [ED25519]}
    assert spec["image"] == "kohakuriver/debian-ssh"


@pytest.mark.parametrize("words", ["lab", "--name lab", "lab --name lab"])
async def test_a_name_is_given_as_a_word_or_as_an_option(shell, keys, words):
    code, out, err = await shell(f"vps create {words} --no-wait -e A=b")
    assert (code, out, err) == (0, "vps/lab created\n", "")
    assert (await shell.get(kinds.VPS, "lab"))["spec"]["env"] == {"A": "b"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("lab --name dev", 'error: one VPS has one name: "lab", or --name dev?\n'),
        ("debian:12", 'error: "debian:12" is an image: kohakuriver vps create --image debian:12\n'),
        (
            "lab --container debian:12",
            'error: "debian:12" is an image, not an environment: use --image debian:12\n'
            "hint: list the environments: kohakuriver env list\n",
        ),
        (
            "lab -v /data:/data",
            'error: "/data:/data" is a mount: kohakuriver vps create lab --mount /data:/data\n',
        ),
        ("lab --gpus all", 'error: invalid --gpus "all": use a number from 1\n'),
        ("lab --gpus 0", 'error: invalid --gpus "0": use a number from 1\n'),
        ("lab --gpus device=0,1", "certain GPUs are asked for by --target NODE::0,1\n"),
        ("lab --gpus 1 -t n1::0", "error: --gpus and --target NODE::GPUS do not go together\n"),
    ],
)
async def test_what_other_tools_take_is_told_where_it_belongs(shell, keys, words, said):
    code, out, err = await shell(f"vps create {words}")
    assert (code, out) == (2, "")
    assert said in err
    assert await names(shell) == []


@pytest.mark.parametrize(
    ("words", "placement"),
    [
        ("--gpus 2", {"gpus": {"count": 2}}),
        ("--gpus 2 -t n1", {"node": "n1", "gpus": {"count": 2}}),
    ],
)
async def test_a_number_of_gpus_is_asked_for(shell, keys, words, placement):
    assert (await shell(f"vps create lab --no-wait {words}"))[0] == 0
    assert (await shell.get(kinds.VPS, "lab"))["spec"]["placement"] == placement


async def test_every_option_ends_up_in_the_spec(shell, keys):
    code, _, err = await shell(
        "vps create --name dev -t n1:0::0,1 -c 4 -m 8Gi --disk 20Gi --container my-env "
        "--mount /data:/data:ro --mount /in:/in --volume home:/root --env A=b=c --env EMPTY= "
        "--privileged --no-wait"
    )
    assert (code, err) == (0, "")
    spec = (await shell.get(kinds.VPS, "dev"))["spec"]
    assert spec["placement"] == {"node": "n1", "numa": 0, "gpus": {"ids": [0, 1]}}
    assert spec["resources"] == {"cores": 4, "memory": "8Gi", "disk": "20Gi"}
    assert spec["environment"] == "my-env"
    assert spec["privileged"] is True
    assert spec["mounts"] == [
        {"source": "/data", "target": "/data", "readOnly": True},
        {"source": "/in", "target": "/in", "readOnly": False},
    ]
    assert spec["volumes"] == [{"name": "home", "target": "/root", "reclaimPolicy": "Retain"}]
    assert spec["env"] == {"A": "b=c", "EMPTY": ""}


async def test_capabilities_are_named_as_in_docker_run(shell, keys):
    options = "--cap-add net_raw --cap-add CAP_SYS_PTRACE --cap-drop ALL --no-new-privileges"
    code, _, err = await shell(f"vps create --name dev {options} --no-wait")
    assert (code, err) == (0, "")
    assert (await shell.get(kinds.VPS, "dev"))["spec"]["security"] == {
        "capabilities": {"add": ["NET_RAW", "SYS_PTRACE"], "drop": ["ALL"]},
        "noNewPrivileges": True,
    }
    code, _, err = await shell("vps create --name other --cap-add NET_RAV --no-wait")
    assert code == 1 and err.startswith("error: --cap-add: ") and "did you mean NET_RAW?" in err


async def test_gpus_without_a_node_are_a_number_of_them_and_said_to_be(shell, keys):
    _, _, err = await shell("vps create --name dev -t ::0,1 --no-wait")
    assert err == "no node is named, so any 2 GPUs of one node will do; NODE::0,1 takes exactly those\n"
    assert (await shell.get(kinds.VPS, "dev"))["spec"]["placement"] == {"gpus": {"count": 2}}


async def test_a_generated_key_is_there_and_in_the_spec(shell, home):
    code, out, err = await shell("vps create --name dev --gen-ssh-key --no-wait")
    assert (code, out) == (0, "vps/dev created\n")
    file = home / ".ssh" / "kohakuriver_vps_dev"
    assert err == f"private key: {file}\n"
    public = file.with_name("kohakuriver_vps_dev.pub").read_text().strip()
    assert (await shell.get(kinds.VPS, "dev"))["spec"]["ssh"] == {"authorizedKeys": [public]}
    assert "PRIVATE" not in json.dumps(await shell.get(kinds.VPS, "dev"))


async def test_a_generated_key_goes_where_it_is_told(shell, home):
    await shell(f"vps create --name dev --gen-ssh-key --key-out-file {home}/k --no-wait")
    assert sorted(file.name for file in home.iterdir()) == [".ssh", "k", "k.pub"]
    assert [file.name for file in (home / ".ssh").iterdir()] == ["kohakuriver"]


async def test_a_vps_made_again_has_the_key_of_the_one_before(shell, home):
    again = "vps create --name dev --gen-ssh-key --no-wait"
    await shell(again)
    file = home / ".ssh" / "kohakuriver_vps_dev"
    before = file.read_text()
    code, _, err = await shell(again)
    assert code == 1 and "there is already" in err, "a key that is in use is not taken for a leftover"
    assert (await shell("delete vps dev"))[0] == 0
    code, _, err = await shell(again)
    assert (code, err) == (
        0,
        f"the key that was made for an earlier dev is used again\nprivate key: {file}\n",
    )
    assert file.read_text() == before
    public = file.with_name("kohakuriver_vps_dev.pub").read_text().strip()
    assert (await shell.get(kinds.VPS, "dev"))["spec"]["ssh"] == {"authorizedKeys": [public]}


async def test_a_refused_create_leaves_no_key_behind(shell, home):
    code, out, err = await shell("vps create --name dev --gen-ssh-key --cores 0 --no-wait")
    assert (code, out) == (1, "")
    assert err.startswith("error: --cores: ")
    assert list((home / ".ssh").iterdir()) == []


async def test_no_key_at_all_is_warned_about(shell, home):
    code, _, err = await shell("vps create --name dev --no-ssh-key --no-wait")
    assert code == 0
    assert err == "warning: no password: anyone with an account on the node is root in it\n"
    assert (await shell.get(kinds.VPS, "dev"))["spec"]["ssh"] == {"passwordless": True}


async def test_without_any_key_nothing_is_created(shell, home):
    code, _, err = await shell("vps create --name dev")
    assert code == 1
    assert "neither id_ed25519.pub nor id_rsa.pub" in err and "--gen-ssh-key" in err
    assert await names(shell) == []


async def test_a_name_that_is_taken_is_refused(shell, keys):
    await shell("vps create --name dev --no-wait")
    code, _, err = await shell("vps create --name dev --no-wait")
    assert code == 1
    assert "there is already" in err


@pytest.mark.fault(31)
async def test_a_create_whose_answer_is_lost_makes_one_vps_and_keeps_its_key(shell, home):
    async with lossy(shell.api.url, method="POST", losses=1) as way:
        shell.url = way.url
        code, out, err = await shell("vps create --gen-ssh-key --no-wait")
        assert way.losses == 0
    (name,) = await names_at_server(shell)
    assert (code, out) == (0, f"vps/{name} created\n")
    file = home / ".ssh" / f"kohakuriver_vps_{name}"
    public = file.with_name(file.name + ".pub").read_text().strip()
    assert err == f"private key: {file}\n"
    assert (await shell.get(kinds.VPS, name))["spec"]["ssh"] == {"authorizedKeys": [public]}


@pytest.mark.fault(31)
async def test_when_every_answer_is_lost_the_key_is_kept_and_said_to_be(shell, home):
    async with lossy(shell.api.url, method="POST", losses=99) as way:
        shell.url = way.url
        code, out, err = await shell("vps create --name dev --gen-ssh-key --no-wait --request-timeout 300ms")
    assert (code, out) == (1, "")
    file = home / ".ssh" / "kohakuriver_vps_dev"
    assert f"vps/dev may or may not have been created; its private key is kept in {file}" in err
    assert "hint: see whether it was created: kohakuriver vps status dev" in err
    assert file.exists()
    assert await names_at_server(shell) == ["dev"]


async def names_at_server(shell) -> list[str]:
    shell.url = ""
    return await names(shell)


async def test_a_dry_run_has_it_checked_and_creates_nothing(shell, keys):
    code, out, err = await shell("vps create --name dev --dry-run")
    assert (code, out, err) == (0, "vps/dev created (server dry run)\n", "")
    code, _, err = await shell("vps create --name dev --dry-run --disk 1Mi")
    assert code == 1 and "--disk: " in err and "1Mi of disk: at least 64Mi is needed" in err
    code, _, err = await shell("vps create --name dev --dry-run --memory lots")
    assert code == 1 and err.startswith("error: --memory: ")
    assert await names(shell) == []


async def test_a_dry_run_prints_a_manifest_that_can_be_applied(shell, keys):
    code, out, _ = await shell("vps create --name dev -c 2 --volume home:/root --dry-run -o yaml")
    assert code == 0
    assert yaml.safe_load(out)["metadata"] == {"name": "dev", "namespace": "default"}
    assert await shell(f"apply -f {shell.write(out)}") == (0, "vps/dev created\n", "")


async def test_a_dry_run_writes_no_key(shell, home):
    code, _, err = await shell("vps create --name dev --dry-run --gen-ssh-key")
    assert code == 0
    assert "would be written to" in err
    assert not (home / ".ssh").exists()


async def test_the_name_alone_is_for_scripts(shell, keys):
    assert await shell("vps create --name dev --no-wait -o name") == (0, "vps/dev\n", "")


async def test_a_wait_that_is_too_long_says_how_it_stands(shell, keys):
    code, out, err = await shell("vps create --name dev --timeout 100ms")
    assert (code, out) == (124, "vps/dev created\n")
    assert err.startswith("error: vps/dev is not running after 100ms: pending: ")
    assert "nothing is undone" in err


async def test_a_wait_ends_with_how_to_get_in(shell, keys):
    await shell.put(kinds.NODE, a_node())
    waiting = asyncio.create_task(shell("vps create --name dev"))
    async for batch in shell.api.store.watch("registry/vpses/", start=1):
        if batch.changes:
            break
    made = await shell.get(kinds.VPS, "dev")
    done = a_vps("dev")
    done["metadata"] = made["metadata"]
    await shell.put(kinds.VPS, done)
    code, out, err = await waiting
    assert (code, out) == (0, "vps/dev created\n")
    assert err == "running, ssh ready\nlog in with: kohakuriver vps connect dev\n"


async def test_what_a_policy_forbids_is_said_with_what_helps(shell, keys):
    spec = {"images": {"registries": ["ghcr.io"]}, "highestPriority": 10}
    await shell.api.create(kinds.POLICY, {"metadata": {"name": "house"}, "spec": spec})
    assert (await shell("get policies --no-headers"))[1].split()[:3] == [
        "house",
        "<all>",
        "images,priority<=10",
    ]
    for more in ("", " --dry-run"):
        code, out, err = await shell(f"vps create --image quay.io/a/b --no-wait{more}")
        assert (code, out) == (1, "")
        assert '"quay.io/a/b" does not come from a registry that Policy "house" allows' in err
        assert "use an image of ghcr.io, or ask your administrator" in err
    assert (await shell("vps create --name dev --image ghcr.io/a/b --no-wait"))[0] == 0
    _, out, _ = await shell("describe policy house")
    assert "Highest Priority:" in out and "ghcr.io" in out
    _, out, _ = await shell("explain policy.spec.images.registries")
    assert "Registries, or parts of one" in out


async def test_a_vps_without_a_password_is_warned_of_once_and_only_when_it_is_made(shell, home):
    warning = "warning: no password: anyone with an account on the node is root in it\n"
    assert len(warning) <= 80
    made = await shell("vps create --name open --no-ssh-key --no-wait")
    assert made == (0, "vps/open created\n", warning)
    _, _, err = await shell("vps create --name open --no-ssh-key --no-wait")
    assert "there is already" in err and "warning" not in err
    assert "warning" not in (await shell("vps create --name two --no-ssh-key --dry-run"))[2]
