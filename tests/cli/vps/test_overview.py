"""`vps list` at 80 and 160 columns, and without a terminal."""

from kohakuriver.cli.vps import overview
from tests.cli.vps.objects import NOW, a_vps

WHY = "0 of 3 nodes fit: 2 short of memory (need 16Gi, most free 9.5Gi on n2), 1 cordoned"
VPSES = [
    a_vps("dev"),
    a_vps(
        "big", "pending", node="", why=WHY, reason="NoRoom", memory="16Gi", placement={"gpus": {"count": 2}}
    ),
    a_vps(
        "far", "lost", node="n3", why="node n3 has been silent since 11:58; it was running then", port=30001
    ),
    a_vps("gone", deleting=True, why="waiting for node n1 to remove its container"),
    a_vps("old", "stopped", run_state="Stopped", why="its files are kept on n1"),
]


def shown(width: int | None, **options: bool) -> str:
    return "\n".join(overview.lines(VPSES, NOW, width=width, **options))


def test_a_wide_terminal_has_why_in_a_column():
    assert shown(160) == (
        "TASK ID   STATUS        NODE   RESOURCES               SSH PORT   AGE   MESSAGE\n"
        "dev       running       n1     2 cores, 4Gi            30000      5m\n"
        f"big       pending       -      2 cores, 16Gi, 2 GPUs   -          5m    {WHY}\n"
        "far       lost          n3     2 cores, 4Gi            30001      5m    "
        "node n3 has been silent since 11:58; it was running then\n"
        "gone      terminating   n1     2 cores, 4Gi            30000      5m    "
        "waiting for node n1 to remove its container\n"
        "old       stopped       n1     2 cores, 4Gi            30000      5m    its files are kept on n1"
    )


def test_a_narrow_terminal_has_why_below_the_row():
    text = shown(80)
    assert text == (
        "TASK ID   STATUS        NODE   RESOURCES               SSH PORT   AGE\n"
        "dev       running       n1     2 cores, 4Gi            30000      5m\n"
        "big       pending       -      2 cores, 16Gi, 2 GPUs   -          5m\n"
        "  0 of 3 nodes fit: 2 short of memory (need 16Gi, most free 9.5Gi on n2), 1\n"
        "  cordoned\n"
        "far       lost          n3     2 cores, 4Gi            30001      5m\n"
        "  node n3 has been silent since 11:58; it was running then\n"
        "gone      terminating   n1     2 cores, 4Gi            30000      5m\n"
        "  waiting for node n1 to remove its container\n"
        "old       stopped       n1     2 cores, 4Gi            30000      5m\n"
        "  its files are kept on n1"
    )
    assert max(map(len, text.splitlines())) <= 80


def test_a_script_gets_one_line_for_each_whatever_its_length():
    assert len(shown(None).splitlines()) == 6
    assert WHY in shown(None)
    assert len(shown(None, headers=False).splitlines()) == 5


def test_nothing_to_explain_needs_no_column():
    assert overview.lines([a_vps("dev")], NOW, width=160) == [
        "TASK ID   STATUS    NODE   RESOURCES      SSH PORT   AGE",
        "dev       running   n1     2 cores, 4Gi   30000      5m",
    ]


def test_every_namespace_is_named():
    assert shown(None, with_namespace=True).splitlines()[1].startswith("default     dev ")


def test_stopped_ones_are_hidden_and_lost_ones_are_not():
    assert [overview.is_stopped(vps) for vps in VPSES] == [False, False, False, False, True]
