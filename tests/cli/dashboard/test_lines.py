"""What a line of the dashboard says of a node or a VPS, narrow and wide."""

import pytest

from kohakuriver.cli.tui.dashboard import detail, keys, node_line, painting, vps_line
from kohakuriver.cli.tui.dashboard.alike import alike
from kohakuriver.cli.tui.dashboard.line import Tone, fit, plain
from kohakuriver.cli.tui.dashboard.using import in_words
from kohakuriver.cli.tui.dashboard.world import matches
from tests.cli.vps.objects import CREATED, NOW, a_node, a_vps, an_allocation

WHY = "0 of 3 nodes fit: 2 short of memory (need 16Gi, most free 9.5Gi on n2), 1 cordoned"


@pytest.mark.parametrize(
    ("used", "there", "shown"),
    [
        (0, 8, "░░░░"),
        (8, 8, "████"),
        (4, 8, "██░░"),
        (3, 8, "█▌░░"),
        (0.001, 8, "▏░░░"),
        (7.999, 8, "███▉"),
        (9, 8, "████"),
        (1, 0, "░░░░"),
    ],
)
def test_a_bar_is_empty_or_full_only_where_that_is_so(used: float, there: float, shown: str) -> None:
    assert plain(node_line.bar(used, there, 4)) == shown


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("ab", 4, "ab  "),
        ("abcdef", 4, "abc…"),
        ("日本語", 4, "日 …"),
        ("a\nb\x1b[31m", 8, "a b [31m"),
        ("a", 0, ""),
    ],
)
def test_text_is_made_to_fit_whatever_is_in_it(text: str, width: int, shown: str) -> None:
    assert fit(text, width) == shown


@pytest.mark.parametrize("width", [76, 100, 158])
def test_lines_of_vpses_are_no_wider_than_the_screen(width: int) -> None:
    vpses = [a_vps("a-name-that-goes-on-and-on-and-on-for-ever"), a_vps("big", "pending", node="", why=WHY)]
    columns = vps_line.columns(vpses, width, with_namespace=True)
    for line in (vps_line.titles(columns), *(vps_line.line(vps, columns, NOW) for vps in vpses)):
        assert len(plain(line)) <= width


@pytest.mark.parametrize("width", [78, 100, 158])
def test_lines_of_nodes_are_no_wider_than_the_screen(width: int) -> None:
    node = a_node("a-node-with-a-long-name", unschedulable=True)
    node["status"]["gpus"] = [{"uuid": "g0"}, {"uuid": "g1"}]
    booked = {"a-node-with-a-long-name": an_allocation(dev={"cores": "1500m", "memory": "9728Mi"})}
    columns = node_line.columns([node], booked, width)
    for line in (node_line.titles(columns), node_line.line(node, booked, columns)):
        assert len(plain(line)) <= width
    assert "1.5/8" in plain(node_line.line(node, booked, columns))


def test_why_takes_the_place_of_resources_where_there_is_little_room() -> None:
    vps = a_vps("big", "pending", node="", why=WHY)
    narrow = plain(vps_line.line(vps, vps_line.columns([vps], 78, with_namespace=False), NOW))
    wide = plain(vps_line.line(vps, vps_line.columns([vps], 158, with_namespace=False), NOW))
    assert "0 of 3 nodes fit" in narrow and "2 cores" not in narrow
    assert WHY in wide and "2 cores, 4Gi" in wide


def test_a_vps_that_runs_but_not_well_says_so() -> None:
    assert vps_line.reason(a_vps(why="SSH does not answer")) == "SSH does not answer"
    assert vps_line.reason(a_vps(reason="Running")) == ""


def test_the_bad_ones_are_counted_first() -> None:
    vpses = [a_vps(), a_vps(), a_vps("far", "lost"), a_vps("old", "stopped")]
    assert vps_line.counts(vpses) == [("lost", 1), ("running", 2), ("stopped", 1)]


@pytest.mark.parametrize(
    ("words", "is_meant"),
    [
        ("", True),
        ("de", True),
        ("RUN n1", True),
        ("run n2", False),
        ("!stop", True),
        ("!run", False),
        ("team=red", True),
        ("debian", True),
        ("!", True),
    ],
)
def test_a_filter_means_vpses_of_which_every_word_holds(words: str, is_meant: bool) -> None:
    vps = a_vps("dev")
    vps["metadata"]["labels"] = {"team": "red"}
    assert matches(vps, words) is is_meant


def test_below_stand_the_reason_in_full_and_the_latest_events() -> None:
    vps = a_vps("big", "pending", node="", why=WHY)
    events = [
        {"reason": f"R{number}", "message": "m", "lastTimestamp": CREATED, "type": "Normal", "count": number}
        for number in range(9)
    ]
    shown = [plain(line).rstrip() for line in detail.lines(vps, None, events, NOW, room=(60, 6))]
    assert len(shown) == 6
    assert " ".join(shown[1:3]) == WHY
    assert [line.split()[1:] for line in shown[3:]] == [
        ["R6", "m", "(x6)"],
        ["R7", "m", "(x7)"],
        ["R8", "m", "(x8)"],
    ]
    unread = detail.lines(vps, None, None, NOW, room=(60, 6))
    assert "may not be read" in plain(unread[-1]) and unread[1][0].tone is Tone.WARN


def test_a_reason_that_many_have_in_common_is_said_in_full_once() -> None:
    many = [a_vps(f"v{number}", "pending", node="", why=WHY) for number in range(5)]
    other = a_vps("other", "pending", node="", why="something else")
    said = alike([many[0], other, *many[1:]])
    assert said == {f"uid-of-v{number}": "as v0" for number in range(1, 5)}
    assert alike(many[:2]) == {}, "two are read as fast"
    columns = vps_line.columns(many, 78, with_namespace=False)
    assert "as v0" in plain(vps_line.line(many[1], columns, NOW, alike="as v0"))
    assert WHY[:16] in plain(vps_line.line(many[0], columns, NOW))


def test_what_a_vps_uses_stands_beside_what_it_holds() -> None:
    vps = a_vps()
    used = in_words({"cores": 0.125, "memory": 84 << 20})
    for width in (78, 158):
        columns = vps_line.columns([vps], width, with_namespace=False)
        shown = plain(vps_line.line(vps, columns, NOW, used=used))
        assert "2 cores, 4Gi" in shown and "uses 0.12, 84Mi" in shown and len(shown) <= width


@pytest.mark.parametrize("width", [58, 78, 138])
def test_the_keys_at_the_bottom_are_the_most_useful_ones_and_lead_to_all(width: int) -> None:
    shown = plain(painting.hint(keys.HINT, width))
    assert len(shown) <= width and shown.endswith("? keys")
    for key in ("Enter describe", "c connect", "/ filter", "q quit"):
        assert key in shown
