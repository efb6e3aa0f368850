"""A VPS that is asked for by the word as it was typed, and looked up where nothing is called so."""

import pytest

from kohakuriver import errors
from kohakuriver.cli import failures
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.session import target
from kohakuriver.client import config
from kohakuriver.client.config import Connection
from kohakuriver.resources import kinds
from tests.apiserver.api import running_api, token_of


@pytest.fixture
async def settings(tmp_path):
    async with running_api() as api:
        spec = {"image": "i", "ssh": {"disabled": True}}
        await api.create(kinds.VPS, {"metadata": {"name": "devbox", "namespace": "default"}, "spec": spec})
        file = tmp_path / "config"
        config.write(file, Connection(api.url, token=token_of("alice")), cluster="c", user="u")
        yield Settings(config=file)


@pytest.mark.parametrize("word", ["devbox", "dev", "vps/devbox"])
async def test_its_name_the_start_of_it_and_its_kind_before_it_mean_the_same(settings, word):
    vps = target.presumed(settings, word, command="exec")
    with settings.opened, pytest.raises(errors.Conflict, match="devbox is not running"):
        await vps.stream("exec")
    assert vps.name == "devbox"


async def test_one_that_there_is_not_is_said_not_to_be_there(settings):
    vps = target.presumed(settings, "nope", command="exec")
    with settings.opened, pytest.raises(errors.NotFound, match='there is no VPS "nope"'):
        await vps.stream("exec")


def test_a_word_is_needed():
    with pytest.raises(failures.UsageError):
        target.presumed(Settings(), "", command="exec")
