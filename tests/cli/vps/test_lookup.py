"""What an ID means."""

import pytest

from kohakuriver import errors
from kohakuriver.cli import failures, lookup
from tests.cli.vps.objects import a_vps

VPSES = [a_vps("dev"), a_vps("dev-2"), a_vps("test"), a_vps("vps-7k2mq")]


def name_of(word: str, *, exact: bool = False) -> str:
    return str(lookup.resolve(word, VPSES, namespace="default", exact=exact)["metadata"]["name"])


def test_an_exact_name_wins_over_its_longer_namesakes():
    assert name_of("dev") == "dev"


def test_an_exact_uid_is_as_good():
    assert name_of("uid-of-dev-2") == "dev-2"


def test_a_unique_start_of_a_name_will_do():
    assert name_of("vps-7") == "vps-7k2mq"
    assert name_of("t") == "test"


def test_what_may_mean_several_is_refused_with_their_names():
    with pytest.raises(failures.UsageError) as caught:
        name_of("de")
    assert caught.value.message == '"de" may mean dev, dev-2'


def test_a_wrong_one_gets_a_proposal():
    with pytest.raises(errors.NotFound) as caught:
        name_of("tset")
    assert caught.value.message == 'there is no VPS "tset" in namespace default; did you mean "test"?'


def test_what_resembles_nothing_is_told_where_to_look():
    with pytest.raises(errors.NotFound) as caught:
        name_of("zzzzzz")
    assert "kohakuriver vps list --all" in caught.value.hint


def test_to_delete_takes_the_whole_name_or_uid():
    assert name_of("dev", exact=True) == "dev"
    assert name_of("uid-of-test", exact=True) == "test"
    with pytest.raises(errors.NotFound) as caught:
        name_of("vps-7", exact=True)
    assert 'did you mean "vps-7k2mq"?' in caught.value.message


def test_an_empty_word_means_nothing():
    with pytest.raises(errors.NotFound):
        name_of("")
