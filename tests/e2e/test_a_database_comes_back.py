"""A database that is written to all the while: snapshot, restore, undo and fork, as a user types them.

What it had acknowledged when the snapshot was asked for is in it, and PostgreSQL starts from the files as it
would after a power cut.
"""

import fcntl
import io
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import docker
import docker.errors
import pytest

from tests.e2e.conftest import Cluster, eventually

pytestmark = [pytest.mark.xdist_group("postgresql")]

IMAGE = "kohakuriver-test/postgresql"
DOCKERFILE = b"""\
FROM kohakuriver/debian-ssh
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql
"""
DATABASE = f"""\
apiVersion: kohakuriver.io/v1alpha1
kind: VPS
metadata: {{name: db}}
spec:
  image: {IMAGE}
  resources: {{cores: 1, memory: 512Mi}}
  ssh: {{disabled: true}}
  command: [sh, -c, "pg_ctlcluster 17 main start --foreground"]
  volumes:
  - {{name: data, target: /var/lib/postgresql, reclaimPolicy: Delete}}
"""
WRITE = """\
i=0
while psql -qAtc "insert into book values ($i)"; do echo $i; i=$((i+1)); done
"""


@pytest.fixture(scope="module")
def image(engine: docker.APIClient) -> str:
    """Built once for a machine: Debian's package on the default image."""
    with (Path(tempfile.gettempdir()) / "kohakuriver-test-postgresql").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            engine.inspect_image(IMAGE)
        except docker.errors.ImageNotFound:
            context = io.BytesIO()
            with tarfile.open(fileobj=context, mode="w") as tar:
                member = tarfile.TarInfo("Dockerfile")
                member.size = len(DOCKERFILE)
                tar.addfile(member, io.BytesIO(DOCKERFILE))
            context.seek(0)
            said = list(
                engine.build(
                    fileobj=context, custom_context=True, tag=IMAGE, rm=True, network_mode="host", decode=True
                )
            )
            assert not [line for line in said if "error" in line], said[-20:]
    return IMAGE


@pytest.fixture(scope="module")
def database(cluster: Cluster, image: str) -> Cluster:
    """A cluster with the VPS `db`, whose PostgreSQL answers."""
    cluster.apply(DATABASE)
    cluster.wait_running("db")
    answers(cluster, "db")
    sql(cluster, "db", "create table book (page bigint)")
    return cluster


class Writer:
    """Writes one number after the other into the book, and knows which were acknowledged."""

    def __init__(self, cluster: Cluster) -> None:
        self.acknowledged: list[int] = []
        command = [str(cluster.bin / "kohakuriver"), "exec", "db", "--", "su", "postgres", "-c", WRITE]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=cluster.environment()
        )
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self.acknowledged.append(int(line))

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
        self._reading.join()


@pytest.fixture
def writer(database: Cluster) -> Iterator[Writer]:
    one = Writer(database)
    yield one
    one.end()


def sql(cluster: Cluster, name: str, statement: str) -> str:
    return cluster.ok("exec", name, "--", "su", "postgres", "-c", f'psql -qAtc "{statement}"')


def answers(cluster: Cluster, name: str) -> None:
    def is_ready() -> bool:
        return cluster.cli("exec", name, "--", "su", "postgres", "-c", "pg_isready -q").code == 0

    eventually(is_ready)


def pages(cluster: Cluster, name: str) -> set[int]:
    return {int(line) for line in sql(cluster, name, "select page from book").splitlines()}


def test_what_was_acknowledged_is_in_the_snapshot_the_restore_and_the_fork(database: Cluster, writer: Writer):
    cluster = database
    eventually(lambda: len(writer.acknowledged) > 20)
    before = set(writer.acknowledged)
    taken = cluster.ok("vps", "snapshot", "db", "--name", "good")
    assert "good" in taken
    eventually(lambda: set(writer.acknowledged) > before)  # it writes on after the pause
    writer.end()
    had = pages(cluster, "db")

    sql(cluster, "db", "drop table book")
    said = cluster.cli("vps", "restore", "db", "good", "--yes")
    assert said.code == 0, said.text
    answers(cluster, "db")
    back = pages(cluster, "db")
    assert before <= back <= had
    assert "db-before-1" in said.text

    cluster.ok("vps", "fork", "db", "twin", "--from", "good")
    answers(cluster, "twin")
    assert pages(cluster, "twin") == back
    sql(cluster, "twin", "delete from book")
    assert pages(cluster, "db") == back

    cluster.ok("vps", "restore", "db", "--undo", "--yes")
    answers(cluster, "db")
    assert "book" not in sql(cluster, "db", "select tablename from pg_tables")
    cluster.ok("vps", "restore", "db", "--undo", "--yes")
    answers(cluster, "db")
    assert pages(cluster, "db") == back
