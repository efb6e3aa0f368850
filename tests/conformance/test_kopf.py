"""A kopf operator with every sort of handler, on our own kind."""

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.kit import Server, a_manifest

pytestmark = pytest.mark.etcd

OPERATOR = Path(__file__).with_name("an_operator.py")


class Operator:
    """A running operator, and what it says."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.said: list[str] = []
        self._process = process
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self) -> None:
        """Once the process has ended."""
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def hears(self, words: str, *, within: float = 240) -> None:
        """Waits until it has said so."""
        give_up = time.monotonic() + within
        while words not in self.said:
            try:
                self.said.append(self._lines.get(timeout=max(0.01, give_up - time.monotonic())))
            except queue.Empty:
                pytest.fail(f'the operator did not say "{words}" but {self.said}')

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("operator: "):
                self._lines.put(line.removeprefix("operator: ").strip())


@pytest.fixture
def operator(server: Server) -> Iterator[Operator]:
    command = [sys.executable, "-m", "kopf", "run", "--standalone", "-n", "default", str(OPERATOR)]
    with (server.folder / "kopf.log").open("w") as log:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=server.environment()
        )
        running = Operator(process)
        try:
            yield running
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            running.close()


def test_every_sort_of_handler_is_called_and_the_object_goes_in_the_end(
    server: Server, operator: Operator
) -> None:
    server.kube("apply", "-f", "-", stdin=a_manifest("kopfed", labels="{operated: 'yes'}"))
    for words in ("created kopfed", "lives kopfed", "ticked kopfed"):
        operator.hears(words)
    server.kube("patch", "vps", "kopfed", "--type=merge", "-p", '{"spec":{"priority":4}}')
    operator.hears("updated kopfed priority")
    server.kube("wait", "vps/kopfed", "--for=jsonpath={.metadata.annotations.ticked}=yes", "--timeout=200s")
    server.kube("wait", "vps/kopfed", "--for=jsonpath={.status.made.greeting}", "--timeout=200s")
    server.kube("delete", "vps", "kopfed", "--timeout=200s")
    operator.hears("deleted kopfed")
    operator.hears("stops kopfed")
    assert operator.said.count("created kopfed") == 1 and operator.said.count("deleted kopfed") == 1
