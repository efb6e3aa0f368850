"""env create, list, load and delete against the real API server; a test speaks for the node."""

import asyncio
import hashlib

import pytest

from kohakuriver.resources import kinds
from tests.cli.vps.objects import a_vps

DIGEST = "sha256:" + "a" * 64


async def says(shell, name: str, **status):
    path = kinds.ENVIRONMENT.path(name=name, subresource="status")
    headers = {"Content-Type": "application/merge-patch+json"}
    reply = await shell.api.call("PATCH", path, {"status": status}, headers=headers, user="n1")
    assert reply.code == 200, reply.body


async def test_an_environment_is_made_of_a_vps_by_its_node(shell):
    await shell.put(kinds.VPS, a_vps())
    assert await shell("env create my-env --from de --no-wait") == (0, "environment/my-env created\n", "")
    spec = (await shell.get(kinds.ENVIRONMENT, "my-env"))["spec"]
    assert spec == {"vps": {"namespace": "default", "name": "dev", "uid": "uid-of-dev", "node": "n1"}}
    assert (await shell("env list"))[1].splitlines()[1].split()[:5] == [
        "my-env",
        "Making",
        "vps",
        "default/dev",
        "n1",
    ]
    await says(
        shell, "my-env", phase="Ready", image="x:1", tarball="/e/my-env.tar", digest=DIGEST, size=5 << 20
    )
    assert "Ready" in (await shell("env list"))[1] and "5Mi" in (await shell("env list"))[1]
    code, out, err = await shell("env delete my-env")
    assert (code, out) == (0, "environment/my-env deleted\n")
    assert err.splitlines() == [
        "its tarball (5Mi) stays on n1",
        f"  use it again: kohakuriver env load my-env /e/my-env.tar --digest {DIGEST}",
        "  remove it, on n1: rm /e/my-env.tar",
    ]


async def test_who_makes_one_is_told_when_and_where_it_is(shell):
    await shell.put(kinds.VPS, a_vps())
    waiting = asyncio.create_task(shell("env create my-env --from dev"))
    while (await shell.api.get(kinds.ENVIRONMENT.path(name="my-env"))).code != 200:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await says(shell, "my-env", phase="Making", message="taking the files")
    await says(
        shell, "my-env", phase="Ready", image="x:1", tarball="/e/my-env.tar", digest=DIGEST, size=1 << 20
    )
    code, out, err = await waiting
    assert (code, out) == (0, "environment/my-env created\n")
    assert "ready: 1Mi, kept on n1\n" in err
    assert "use it with: kohakuriver vps create --container my-env\n" in err


async def test_what_the_node_could_not_do_is_told(shell):
    await shell.put(kinds.VPS, a_vps())
    waiting = asyncio.create_task(shell("env create my-env --from dev"))
    while (await shell.api.get(kinds.ENVIRONMENT.path(name="my-env"))).code != 200:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await says(shell, "my-env", phase="Failed", message="no space left on device")
    code, _, err = await waiting
    assert code == 1
    assert "environment/my-env: no space left on device\n" in err
    assert "hint: delete it, then try again: kohakuriver env delete my-env\n" in err


async def test_a_wait_that_is_over_undoes_nothing(shell):
    await shell.put(kinds.VPS, a_vps())
    code, _, err = await shell("env create my-env --from dev --timeout 200ms")
    assert code == 124 and "environment/my-env is not ready after 200ms: n1 is asked" in err
    assert (await shell("get env my-env"))[0] == 0


async def test_a_vps_without_a_node_has_no_files(shell):
    await shell.put(kinds.VPS, a_vps(node="", phase="pending"))
    code, _, err = await shell("env create my-env --from dev")
    assert code == 2 and "vps/dev is on no node" in err


async def test_a_file_is_taken_in_with_its_digest(shell):
    file = shell.folder / "e.tar"
    file.write_bytes(b"tar")
    digest = f"sha256:{hashlib.sha256(b'tar').hexdigest()}"
    code, out, err = await shell(f"env load my-env {file}")
    assert (code, out) == (0, "environment/my-env created\n") and f"it must lie at {file} on one node" in err
    assert (await shell.get(kinds.ENVIRONMENT, "my-env"))["spec"] == {"tarball": str(file), "digest": digest}
    assert (await shell(f"env load other {file} --digest {DIGEST}"))[0] == 1
    assert (await shell(f"env load other https://e.example/x.tar --digest {DIGEST}"))[0] == 0
    code, _, err = await shell(f"env load my-env {file}")
    assert code == 1 and "choose another name" in err


async def test_an_image_gets_a_name(shell):
    assert (await shell("env create cuda --image nvidia/cuda"))[0] == 0
    assert (await shell.get(kinds.ENVIRONMENT, "cuda"))["spec"] == {"image": "nvidia/cuda"}
    assert (await shell("env list --no-headers"))[1].split()[:4] == ["cuda", "Ready", "image", "nvidia/cuda"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("env create", "a name, and either --from VPS or --image IMAGE, are needed"),
        ("env create x --from a --image b", "either --from VPS or --image IMAGE"),
        ("env load x", "a name and a tarball are needed"),
        ("env load x https://e.example/x.tar", "of a URL the digest is needed"),
        ("env load x y --digest z", '--digest "z" is none'),
        ("env delete", "which environment is meant?"),
    ],
)
async def test_what_is_missing_is_told(shell, line, message):
    code, out, err = await shell(line)
    assert (code, out) == (2, "") and message in err and "\nhint: " in err


async def test_a_user_may_not_make_one(shell):
    code, _, err = await shell("env create cuda --image nvidia/cuda", user="alice")
    assert code == 1 and "forbidden" in err
