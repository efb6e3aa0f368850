"""What a terminal is shown again: nothing in it that a terminal answers, and everything else as it was."""

import random
from collections.abc import Iterator

import pytest

from kohakuriver.agent.holder.outflow import Outflow
from kohakuriver.agent.holder.queries import QUERIES, is_query
from kohakuriver.agent.holder.replay import quiet
from kohakuriver.agent.holder.session import Size
from tests.agent.holder.answering import Answering
from tests.agent.holder.memory import Client, a_session

EXAMPLES = [example for query in QUERIES for example in query.examples]
NO_QUERIES = (
    b"\x1b[H", b"\x1b[2J", b"\x1b[31m", b"\x1b[0m", b"\x1b[38:2::1:2:3m", b"\x1b[u", b"\x1b[s", b"\x1b[>1u",
    b"\x1b[<u", b"\x1b[=1;1u", b"\x1b[>4;2m", b"\x1b[22;0t", b"\x1b[23;0t", b"\x1b[8;24;80t", b"\x1b[2 q",
    b"\x1b[!p", b'\x1b["p', b"\x1b[?1049h", b"\x1b[?2004l", b"\x1b[?25;7h", b"\x1b[5S", b"\x1b[1;1;2;2$x",
    b"\x1b7", b"\x1b8", b"\x1b(B", b"\x1b=", b"\x1b]0;what?", b"\x1b]2;?", b"\x1b]8;;http://x/?q=?",
    b"\x1b]7;file://x/?", b"\x1b]11;rgb:00/00/00", b"\x1b]52;c;Zm9v", b"\x1b]4;1;#fff", b"\x1b]104",
    b"\x1bPq#0;2;0;0;0", b"\x1b_Gi=1,q=2;AAAA", b"\x1b]1337;File=a=1:AA",
)  # fmt: skip
MODES = (b"\x1b[?1004h", b"\x1b[?2048h", b"\x1b[?1049;1004h", b"\x1b[?1004l", b"\x1b[?2004;2048h", b"\x1bc")
TEXT = (
    b"ls -la",
    b"\r\n",
    b"\xe9\x9b\x9b\xc2\xa0",
    "für 雛".encode(),
    b"6n",
    b"c",
    b"\\",
    b"\x07",
    b"?",
    b"\t",
    b";",
)
BROKEN = (
    b"\x1b", b"\x1b[", b"\x1b[6", b"\xc2", b"\x1b]11;", b"\x1bP$q", b"\x1b_G", b"\x18", b"\x1a", b"\x05",
    b"\xc2\x9b",
)  # fmt: skip
PROGRAMS = {
    # What each writes from its start to its end, without its text: the first four as they were recorded.
    "vim": b"\x1b[?1049h\x1b[22;0;0t\x1b[>4;2m\x1b[?1h\x1b=\x1b[?2004h\x1b[?1004h\x1b[1;24r\x1b[?12h"
    b"\x1b[?12l\x1b[22;2t\x1b[22;1t\x1b[6n\x1bPzz\x1b\\\x1b[0%m\x1b[>c\x1b]11;?\x07\x1b[?25l"
    b"\x1b[?25h\x1b[?4m\x1b[?2004l\x1b[>4;m\x1b[23;2t\x1b[23;1t\x1b[?1004l\x1b[?1l\x1b>\x1b[?1049l"
    b"\x1b[23;0;0t",
    "tmux": b"\x1b[?1049h\x1b[22;0;0t\x1b[?1h\x1b=\x1b[?12l\x1b[?25h\x1b[?1000l\x1b[?1006l\x1b[?1005l"
    b"\x1b[?2004h\x1b(B\x1b[1;24r\x1b[c\x1b[>c\x1b[>q\x1b]10;?\x1b\\\x1b]11;?\x1b\\\x1b[?25l"
    b"\x1b[1;0r\x1b[?1l\x1b>\x1b[?2004l\x1b[?7727l\x1b[?1004l\x1b[?1049l\x1b[23;0;0t",
    "htop": b"\x1b[?1049h\x1b[22;0;0t\x1b[1;24r\x1b(B\x1b[4l\x1b[?7h\x1b[?1h\x1b=\x1b[?25l\x1b[?1006;1000h"
    b"\x1b[28X\x1b[?12l\x1b[?25h\x1b[?1006;1000l\x1b[?1049l\x1b[23;0;0t\x1b[?1l\x1b>",
    "less": b"\x1b[?1049h\x1b[22;0;0t\x1b[?1h\x1b=\x1b[?1l\x1b>\x1b[?1049l\x1b[23;0;0t",
    "neovim": b"\x1b[?1049h\x1b[22;0;0t\x1b[?2026$p\x1b[?2027$p\x1b[?2048$p\x1b[?u\x1b[c\x1b]11;?\x07"
    b"\x1bP$qm\x1b\\\x1bP+q5463;524742;73657472676266;73657472676262\x1b\\\x1b[?996n\x1b[?2031h"
    b"\x1b]4;0;?\x07\x1b[>q\x1b[5n\x1b]52;c;?\x07\x1b[?1004h\x1b[?1004l\x1b[?2031l\x1b[?1049l"
    b"\x1b[23;0;0t",
}
ASKING = {"vim", "tmux", "neovim"}
ALL_OFF = b"\x1b\\\x1b[?1004;2048l# "  # what runs last has none of it on, and prints


def spelled(one: bytes, chance: random.Random) -> bytes:
    """The sequence in one of the ways that terminals understand."""
    made = bytearray()
    for byte in one:
        made.append(byte)
        if chance.random() < 0.05 and one[1:2] == b"[":
            made += chance.choice((b"\r", b"\n", b"\0", b"\x7f", b"\x05"))
    if one[1] >= 0x50 and chance.random() < 0.2:
        head = made.index(one[1])
        made[: head + 1] = bytes((0xC2, one[1] + 0x40)) + made[1:head]
    if one[1:2] in (b"]", b"P", b"_"):
        made += chance.choice((b"\x1b\\", b"\xc2\x9c", b"\x07" if one[1:2] == b"]" else b"\x1b\\"))
    return bytes(made)


def pieces(chance: random.Random) -> Iterator[bytes]:
    """Text, queries, other sequences, and what was broken off, in any order."""
    for _ in range(chance.randrange(60)):
        match chance.randrange(6):
            case 0 | 1:
                yield spelled(chance.choice(EXAMPLES), chance)
            case 2:
                yield spelled(chance.choice(NO_QUERIES), chance)
            case 3:
                yield chance.choice(MODES)
            case 4:
                yield chance.choice(BROKEN)
            case _:
                yield chance.choice(TEXT) * chance.randrange(1, 9)


def shown(data: bytes) -> Answering:
    """A terminal of its own that has been shown that."""
    terminal = Answering()
    terminal.feed(data)
    return terminal


def taken(outflow: Outflow) -> bytes:
    """All that is sent, acknowledged as it comes."""
    sent = b""
    while data := outflow.take():
        sent += data
        outflow.acknowledge(outflow.total)
    return sent


@pytest.mark.fault(74)
def test_no_terminal_answers_what_it_is_shown_again_whatever_a_program_wrote():
    asked = 0
    for seed in range(1000):
        chance = random.Random(seed)  # noqa: S311
        outflow, written = Outflow(kept=chance.choice((40, 300, 10_000))), b""
        outflow.attach(None, comes_back=False, is_first=True)
        for piece in [*pieces(chance), ALL_OFF]:
            while piece:
                cut = chance.randrange(1, len(piece) + 1)
                outflow.came(piece[:cut])
                written, piece = written + piece[:cut], piece[cut:]
                if chance.random() < 0.5:
                    taken(outflow)
            if chance.random() < 0.05:
                outflow.detach()
                if chance.random() < 0.5:
                    outflow.attach(None, comes_back=False)
        outflow.detach()
        again = outflow.attach(None, comes_back=False)
        replay = taken(outflow)
        before = written[again.output :]
        assert len(replay) == len(before), f"seed {seed}: an offset is no longer true"
        assert shown(replay).answers == [], f"seed {seed}: a byte was typed that nobody typed"
        assert shown(replay).done == shown(before).done, f"seed {seed}: something else was taken away"
        asked += len(shown(before).answers)
    assert asked > 5000, "there was little to answer"


@pytest.mark.parametrize("query", QUERIES, ids=[query.name for query in QUERIES])
def test_every_query_of_the_table_is_found_however_it_is_spelled(query):
    chance = random.Random(1)  # noqa: S311
    for example in query.examples:
        assert is_query(example), example
        for _ in range(50):
            once = b"$ " + spelled(example, chance) + b"$ "
            assert shown(once).answers, once
            assert shown(quiet(once, seen=len(once))).answers == [], once
            assert len(quiet(once, seen=0)) == len(once)


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_a_program_asked_is_not_asked_again_once_it_has_ended(name):
    written = b"$ " + name.encode() + b"\r\n" + PROGRAMS[name] + b"$ "
    assert bool(shown(written).answers) is (name in ASKING)
    for cut in range(len(written)):
        outflow = Outflow()
        outflow.attach(None, comes_back=False, is_first=True)
        outflow.came(written[:cut])
        taken(outflow)
        outflow.detach()
        outflow.came(written[cut:])
        outflow.attach(None, comes_back=False)
        replay = taken(outflow)
        assert shown(replay).answers == [], f"left after {cut} bytes, a byte was typed that nobody typed"
        assert shown(replay).done == shown(written).done


@pytest.mark.parametrize("other", NO_QUERIES)
def test_what_nothing_answers_stays(other):
    ended = other + (b"\x1b\\" if other[1:2] in (b"]", b"P", b"_") else b"")
    assert not is_query(other)
    assert quiet(ended, seen=len(ended)) == ended


def test_a_query_that_no_terminal_has_seen_stays_where_a_program_may_still_wait():
    prompt = b"/ # \x1b[6n"
    assert quiet(prompt, seen=4) == prompt
    assert quiet(prompt, seen=len(prompt)) == b"/ # \x1b\\\0\0"
    several = b"\x1b[?1049h\x1b[>q\x1b]11;?\x1b\\\x1b[c\x1b[?25h"
    assert quiet(several, seen=0) == several
    assert shown(quiet(several + b"~", seen=0)).answers == [], "who goes on without an answer is given one"
    assert shown(quiet(b"\x1b[c$ \x1b[6n", seen=0)).answers == [b"\x1b[6n"]


def test_a_mode_that_is_on_stays_on_and_one_that_was_turned_off_is_never_turned_on():
    vim = b"\x1b[?1049;1004hvim"
    assert quiet(vim, seen=len(vim)) == vim
    left = b"vim\x1b[?1004l\x1b[?1049l$ "
    assert quiet(b"\x1b[?1049;1004h" + left, seen=0) == b"\x1b[?1049;0000h" + left
    twice = b"\x1b[?2048h-\x1b[?2048h-"
    assert quiet(twice, seen=0) == b"\x1b[?0000h-\x1b[?2048h-"
    odd = b"\x1b[?10\r04h" + left
    assert quiet(odd, seen=0) == b"\x1b\\\r".ljust(9, b"\0") + left


def test_a_string_that_goes_on_is_left_to_what_comes():
    for begun in (b"$ \x1b]11;?", b"$ \x1b]11;?\x1b", b"$ \x1bP$qm", b"$ \x1b[6"):
        assert quiet(begun, seen=2) == begun
    assert quiet(b"$ \x1b]11;?\x18", seen=9) == b"$ \x1b\\\0\0\0\0\x18", (
        "CAN ends it, and tmux answers all the same"
    )


def test_what_comes_while_somebody_is_attached_is_not_touched():
    outflow = Outflow()
    outflow.attach(None, comes_back=False, is_first=True)
    outflow.came(b"before \x1b[c")
    outflow.detach()
    outflow.attach(None, comes_back=False)
    asked = b"".join(example + b"\x1b\\now\x05" for example in EXAMPLES)
    for place in range(0, len(asked), 7):
        outflow.came(asked[place : place + 7])
    assert taken(outflow) == b"before \x1b[c" + asked


@pytest.mark.looptime
async def test_who_attaches_anew_is_asked_nothing_and_counts_the_same_bytes():
    session, _, _ = a_session()
    first, second = Client(session), Client(session)
    first.come(size=Size(24, 80))
    session.output(b"\x1b[c\x1b]11;?\x07vim\r\n# ")
    first.move_all()
    assert first.shown == b"\x1b[c\x1b]11;?\x07vim\r\n# ", "somebody who is here is asked as by any program"
    first.cut()
    second.come(size=Size(24, 80), newcomer=True)
    second.move_all()
    assert shown(second.shown).answers == []
    second.cut()
    session.output(b"ls\r\n\x1b[c# \x1b[6n")
    second.come()
    second.move_all()
    assert second.missed == 0
    assert shown(second.shown).answers == [b"\x1b[6n"], "only what may be waited for is asked"
    assert len(second.shown) == len(b"\x1b[c\x1b]11;?\x07vim\r\n# ls\r\n\x1b[c# \x1b[6n")
    assert second.shown.endswith(b"# \x1b[6n")
