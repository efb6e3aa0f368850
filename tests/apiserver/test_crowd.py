"""Who goes when there are too many without a credential."""

from kohakuriver.apiserver.identity.addresses import place_of
from kohakuriver.apiserver.serving.crowd import EACH, EACH_BEHIND_ONE, IDLE, Crowd, Visitor


def test_the_one_that_has_been_there_for_longest_goes_and_nobody_from_elsewhere():
    crowd = Crowd(most=1000)
    elsewhere = Visitor("10.0.0.2")
    assert crowd.enter(elsewhere) is None
    flood = [Visitor("10.0.0.1") for _ in range(EACH + 20)]
    gone = [one for one in map(crowd.enter, flood) if one is not None]
    assert gone == flood[:20]


def test_who_is_known_does_not_count_and_never_goes():
    crowd = Crowd(most=1000)
    known = [Visitor("10.0.0.1") for _ in range(3 * EACH)]
    for one in known:
        assert crowd.enter(one) is None
        crowd.knows(one)
    gone = [goes for _ in range(2 * EACH_BEHIND_ONE) if (goes := crowd.enter(Visitor("10.0.0.1")))]
    assert len(gone) > EACH
    assert not set(gone) & set(known)


def test_where_somebody_is_known_more_may_begin_at_once_until_he_has_left():
    crowd = Crowd(most=10_000)
    known = Visitor("10.0.0.1")
    crowd.enter(known)
    crowd.knows(known)
    assert not any(crowd.enter(Visitor("10.0.0.1")) for _ in range(EACH_BEHIND_ONE))
    assert crowd.enter(Visitor("10.0.0.1"))
    crowd.left(known)
    assert crowd.most_of("10.0.0.1") == EACH


def test_what_has_left_leaves_its_place():
    crowd = Crowd(most=1000)
    for _ in range(3 * EACH):
        one = Visitor("10.0.0.1")
        assert crowd.enter(one) is None
        crowd.left(one)
        crowd.left(one)


def test_many_addresses_together_have_a_bound_too():
    crowd = Crowd(most=100)
    first = Visitor("10.0.0.0")
    crowd.enter(first)
    assert not any(crowd.enter(Visitor(f"10.0.1.{number}")) for number in range(99))
    assert crowd.enter(Visitor("10.0.2.0")) is first


def test_all_addresses_of_one_ipv6_network_are_one():
    assert place_of("2001:db8::1") == place_of("2001:db8::ffff:2") != place_of("2001:db8:0:1::1")
    assert place_of("::ffff:10.0.0.1") == place_of("10.0.0.1") != place_of("10.0.0.2")
    assert place_of("fe80::1%eth0") == "fe80::/64"
    assert place_of("-") == "-"


def test_of_one_credentials_idle_connections_the_one_idle_for_longest_goes():
    crowd = Crowd(most=1000)
    mine = [Visitor("10.0.0.1") for _ in range(IDLE)]
    other = Visitor("10.0.0.1")
    assert crowd.rests(other, "alice") is None
    assert not any(crowd.rests(one, "bob") for one in mine)
    crowd.works(mine[0])
    assert crowd.rests(Visitor("10.0.0.1"), "bob") is None, "one of them is at work"
    assert crowd.rests(mine[0], "bob") is mine[1]
    crowd.left(mine[1])
    crowd.left(mine[2])
    assert crowd.rests(Visitor("10.0.0.1"), "bob") is None
    assert crowd.rests(other, "alice") is None
