"""What is said of shells that one leaves, and of those that one left."""

from kohakuriver.cli.access import parting
from kohakuriver.cli.session.remote import Others

DAY = 86_400.0


def typed(words: str) -> str:
    return f"kohakuriver {words}"


def test_every_key_is_listed_and_so_is_what_ends_the_shell():
    shown = parting.keys(DAY, typed("connect lab --session q1"))
    for part in ("~.", "~~", "~?", "Ctrl-D", "for good", "24h", "kohakuriver connect lab --session q1"):
        assert any(part in line for line in shown), part
    assert all(len(line) < 60 for line in shown)


def test_the_first_line_of_a_session_fits_sixty_columns():
    assert len(f"session 9fje8g9y: {parting.hint(DAY)}") <= 60


def test_a_new_shell_is_told_of_the_ones_that_were_left():
    facts = {"left": {"session": "q1", "detached": 3 * 3600.0, "others": 0}}
    assert parting.of_others(Others.of(facts), typed, "lab") == [
        "you left one 3h ago: kohakuriver connect lab --session q1"
    ]
    facts["left"]["others"] = 2
    assert parting.of_others(Others.of(facts), typed, "lab") == [
        "you left one 3h ago and 2 more (kohakuriver sessions lab): kohakuriver connect lab --session q1"
    ]


def test_who_made_others_end_is_told_which():
    [line] = parting.of_others(Others.of({"madeWay": ["q1", "q2"]}), typed, "lab")
    assert line == "there were too many sessions here; left longest ago, and so ended: q1, q2"


def test_a_node_of_an_earlier_version_tells_nothing():
    assert Others.of({"session": "s", "detachedFor": 300.0}) == Others()
    assert parting.of_others(Others(), typed, "lab") == []
