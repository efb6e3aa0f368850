"""Random clients see one consistent world, on the store in memory and on a real etcd."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from kohakuriver.apiserver.store.base import Store
from kohakuriver.apiserver.store.etcd import EtcdStore
from tests.apiserver.clients_machine import Clients
from tests.etcd import EtcdProcess
from tests.fakes.store import MemoryStore


def run(machine: type[Clients], **how: Any) -> None:
    unhurried = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        machine, settings=settings(deadline=None, suppress_health_check=unhurried, **how)
    )


def test_random_clients_of_a_server_in_memory_see_one_consistent_world() -> None:
    class InMemory(Clients):
        @staticmethod
        async def open_store() -> Store:
            return MemoryStore()

    run(InMemory, max_examples=30, stateful_step_count=25)


@pytest.mark.etcd
@pytest.mark.fault(32)
def test_random_clients_of_a_server_on_etcd_see_one_consistent_world(tmp_path: Path) -> None:
    with EtcdProcess(tmp_path) as etcd:

        class OnEtcd(Clients):
            @staticmethod
            async def open_store() -> Store:
                return await EtcdStore.connect([etcd.endpoint], prefix=f"/{uuid.uuid4()}")

        run(OnEtcd, max_examples=12, stateful_step_count=25)
