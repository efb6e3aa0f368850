"""Which nameservers are the node's own."""

from pathlib import Path

from kohakuriver.agent.machine import resolvers


def found(folder: Path, *, here: tuple[str, ...], daemon: str = "") -> tuple[str, ...]:
    (folder / "daemon.json").write_text(daemon)
    files = (folder / "resolv.conf", folder / "upstream.conf")
    return resolvers.own(files, folder / "daemon.json", is_here=lambda address: address in here)


def test_a_nameserver_on_an_outer_address_of_the_node_is_its_own(tmp_path: Path) -> None:
    lines = [
        "# made by hand",
        "nameserver 10.0.0.5",
        "nameserver 9.9.9.9",
        "nameserver",
        "search lab.example",
    ]
    (tmp_path / "resolv.conf").write_text("\n".join(lines))
    assert found(tmp_path, here=("10.0.0.5", "10.0.0.6")) == ("10.0.0.5",)
    assert resolvers.named([tmp_path / "resolv.conf"], tmp_path / "none") == ("10.0.0.5", "9.9.9.9")


def test_loopback_addresses_and_what_is_no_ipv4_address_are_not_asked_from_a_vps(tmp_path: Path) -> None:
    names = ("127.0.0.53", "fd00::1", "0.0.0.0", "nonsense")  # noqa: S104
    (tmp_path / "resolv.conf").write_text("".join(f"nameserver {name}\n" for name in names))
    assert found(tmp_path, here=names) == ()


def test_what_stands_behind_a_stub_and_what_the_engine_is_told_counts(tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.53\n")
    (tmp_path / "upstream.conf").write_text("nameserver 10.0.0.5\n")
    told = '{"dns": ["172.17.0.1", 7]}'
    assert found(tmp_path, here=("10.0.0.5", "172.17.0.1"), daemon=told) == ("10.0.0.5", "172.17.0.1")


def test_what_cannot_be_read_names_none(tmp_path: Path) -> None:
    for nonsense in ("{", "[]", '{"dns": 5}', "null"):
        assert found(tmp_path, here=("10.0.0.5",), daemon=nonsense) == ()


def test_an_address_is_this_machines_if_it_can_be_bound_to() -> None:
    assert resolvers._is_here("127.0.0.1")
    assert not resolvers._is_here("192.0.2.1")
