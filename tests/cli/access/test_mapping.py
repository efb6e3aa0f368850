"""Which local port leads where, as it is typed."""

import pytest

from kohakuriver.cli import failures
from kohakuriver.cli.access.mapping import Mapping, address, parse


@pytest.mark.parametrize(
    ("word", "local", "remote"),
    [("8888", 8888, 8888), ("3000:80", 3000, 80), (":80", 0, 80), ("0:80", 0, 80)],
)
def test_a_port_is_the_same_on_both_sides_unless_told(word, local, remote):
    assert parse([word]) == [Mapping(local, remote)]


def test_the_guides_local_port_is_as_good_as_a_colon():
    assert parse(["80"], local_port="3000") == parse(["3000:80"])


@pytest.mark.parametrize("word", ["", "http", "0", "65536", "-1", "80:", "x:80", "1:2:3", "٣"])
def test_what_is_no_port_is_told(word):
    with pytest.raises(failures.UsageError, match="invalid port"):
        parse([word])


def test_local_port_goes_with_one_port_only_and_none_is_meant_twice():
    with pytest.raises(failures.UsageError, match="single PORT"):
        parse(["80", "81"], local_port="3000")
    with pytest.raises(failures.UsageError, match="single PORT"):
        parse(["81:80"], local_port="3000")
    with pytest.raises(failures.UsageError, match="local port 80 is meant twice"):
        parse(["80", "80:81"])
    assert len(parse([":80", ":80"])) == 2


@pytest.mark.parametrize(
    ("remote", "udp", "shown"),
    [
        (8888, False, "http://127.0.0.1:9"),
        (8443, False, "https://127.0.0.1:9"),
        (80, False, "http://127.0.0.1:9"),
        (3000, False, "http://127.0.0.1:9"),
        (6006, False, "http://127.0.0.1:9"),
        (5432, False, "127.0.0.1:9"),
        (12345, False, "127.0.0.1:9"),
        (53, True, "127.0.0.1:9 (UDP)"),
    ],
)
def test_where_it_is_reads_as_a_url_where_it_is_likely_one(remote, udp, shown):
    assert address("127.0.0.1", 9, remote=remote, udp=udp) == shown


def test_an_ipv6_address_stands_in_brackets():
    assert address("::1", 9, remote=80, udp=False) == "http://[::1]:9"
