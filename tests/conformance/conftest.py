"""One API server on one etcd for the whole suite; each test uses names of its own."""

from collections.abc import Iterator

import pytest

from tests.conformance.kit import Server, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("conformance")) as running:
        yield running
