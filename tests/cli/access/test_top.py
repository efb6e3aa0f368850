"""The tables of `top` and `sessions`."""

from kohakuriver.cli.access.sessions import row as session_row
from kohakuriver.cli.access.top import Used, node_rows, row


def a_vps(name: str, node: str) -> dict:
    grant = {"cores": "2", "memory": "1Gi"}
    return {"metadata": {"name": name}, "status": {"assignment": {"node": node, "grant": grant}}}


def test_what_a_vps_uses_stands_beside_what_is_booked():
    used = Used(a_vps("dev", "n1"), {"cores": 0.5, "memory": 3 << 20, "processes": 7})
    assert row(used) == ["dev", "n1", "0.50", "2", "3Mi", "1Gi", "7"]
    assert row(Used(a_vps("dev", "n1"), None, "away")) == ["dev", "n1", "?", "2", "?", "1Gi", "?"]


def test_a_node_shows_the_sum_of_its_vpses():
    nodes = [
        {"metadata": {"name": name}, "status": {"allocatable": {"cores": "8", "memory": "16Gi"}}}
        for name in ("n1", "n2")
    ]
    stats = {"cores": 0.25, "memory": 1 << 20, "processes": 1}
    used = [Used(a_vps("a", "n1"), stats), Used(a_vps("b", "n1"), stats), Used(a_vps("c", "n1"), None)]
    assert node_rows(nodes, used) == [
        ["n1", "3", "0.50", "8", "2Mi", "16Gi"],
        ["n2", "0", "0.00", "8", "0", "16Gi"],
    ]


def test_a_session_says_who_is_there_or_how_long_it_is_kept():
    session = {
        "session": "build", "user": "ann", "command": "login shell", "size": "24x80", "age": 61.0,
        "attached": False, "detached": 20.0, "detachedFor": 300.0, "ended": False,
    }  # fmt: skip
    assert session_row(session)[3] == "80x24"
    assert session_row({**session, "size": ""})[3] == "-"
    assert session_row(session)[-1] == "detached for 20s, hung up in 4m40s"
    assert session_row({**session, "attached": True, "detached": None})[-1] == "attached"
    assert session_row({**session, "ended": True})[-1] == "ended"
