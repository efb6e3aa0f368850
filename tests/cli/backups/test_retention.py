"""Old backups of a folder go, and never the one that is known to be good."""

import datetime

from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.cli.local.backups import retention
from tests.cli.backups.kit import CLUSTER

NOON = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
OTHER = "11111111-0000-4000-8000-000000000000"


def names(*hours: int, cluster: str = CLUSTER) -> list[str]:
    return [retention.name(cluster, NOON + datetime.timedelta(hours=hour)) for hour in hours]


def test_a_name_has_the_cluster_and_the_time():
    assert names(0) == ["kohakuriver-c6a1664b-20261125T120000Z.tar"]


def test_the_newest_are_kept():
    there = names(3, 0, 1, 2)
    assert retention.superfluous(there, made=there[0], keep=2) == names(0, 1)
    assert retention.superfluous(there, made=there[0], keep=4) == []


def test_the_one_that_was_made_now_is_kept_though_a_clock_went_back():
    there = names(0, 5, 6)
    assert retention.superfluous(there, made=names(0)[0], keep=1) == names(5, 6)


def test_nothing_else_is_removed():
    others = [
        "river.tar",
        "kohakuriver-c6a1664b-20261125.tar",
        names(1)[0] + ".part",
        names(1)[0] + ".gz",
        "notes",
    ]
    there = [*others, *names(0, 1, cluster=OTHER), *names(2)]
    assert retention.superfluous(there, made=names(2)[0], keep=1) == []
    assert retention.superfluous(there, made="river.tar", keep=1) == []


@given(st.lists(st.integers(0, 50), unique=True), st.integers(0, 50), st.integers(1, 9))
def test_so_many_are_left_and_the_one_made_now_is_among_them(hours, made, keep):
    there = {*names(*hours), *names(made)}
    left = there - set(retention.superfluous(there, made=names(made)[0], keep=keep))
    assert names(made)[0] in left
    assert len(left) == min(keep, len(there))


def test_what_an_interrupted_backup_left_is_known():
    assert retention.is_left_over(names(0)[0] + ".part")
    assert not retention.is_left_over("river.tar.part")
    assert not retention.is_left_over(names(0)[0])
