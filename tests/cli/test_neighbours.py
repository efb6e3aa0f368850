"""Several clusters on one machine."""

import pytest

from kohakuriver.cli.local import cluster_options, neighbours
from kohakuriver.cli.local.cluster_options import Options


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def a_cluster(home, name, **options):
    root = home / name
    root.mkdir()
    cluster_options.save(root / "options.json", Options(node="n", agent=options))
    with neighbours.locked():
        neighbours.add(root)
    return root


def test_the_first_cluster_has_the_standard_ports():
    assert neighbours.choose([]) == (30000, 31999)


def test_the_next_ones_go_below():
    assert neighbours.choose([(30000, 31999)]) == (28000, 29999)
    assert neighbours.choose([(30000, 31999), (29000, 29010)]) == (26000, 27999)


def test_a_range_of_which_anybody_uses_a_port_is_passed_over():
    assert neighbours.choose([], {22, 30000, 30001}) == (28000, 29999)
    assert neighbours.choose([(28000, 29999)], {31999}) == (26000, 27999)
    assert neighbours.choose([], {8080, 32000}) == (30000, 31999)


def test_where_every_range_is_used_one_that_is_no_cluster_s_has_to_do():
    assert neighbours.choose([(30000, 31999)], range(1024, 32768)) == (28000, 29999)


def test_clusters_know_the_ports_of_the_others_and_not_their_own(home):
    one = a_cluster(home, "one")
    two = a_cluster(home, "two", ssh_port_range="28000-29999")
    a_cluster(home, "off", ssh_address="off")
    assert neighbours.ranges(two) == {one: (30000, 31999)}
    assert neighbours.ranges(one) == {two: (28000, 29999)}


def test_a_cluster_that_is_gone_holds_no_ports(home):
    one = a_cluster(home, "one")
    (one / "options.json").unlink()
    assert neighbours.ranges(home / "two") == {}


def test_a_cluster_can_be_forgotten(home):
    one = a_cluster(home, "one")
    neighbours.forget(one)
    assert neighbours.ranges(home / "two") == {}
