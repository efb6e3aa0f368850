"""What a program asks a terminal: every sequence that a terminal answers into its input. Pure.

One table, so that who adds a query adds it here alone. A sequence is looked up in its plain form: begun with
ESC, without control characters and without what ends a string. An unanswered query costs a program a
default; an answer that nobody waits for is typed into a shell.
"""

import dataclasses
import re
from typing import Final

XTERM: Final = "invisible-island.net/xterm/ctlseqs"
VT510: Final = "vt100.net/docs/vt510-rm"
KITTY: Final = "sw.kovidgoyal.net/kitty"
ITERM: Final = "iterm2.com/documentation-escape-codes"
RXVT: Final = "rxvt(7), rxvt-unicode"


@dataclasses.dataclass(frozen=True, slots=True)
class Query:
    """One kind of question."""

    name: str
    pattern: bytes  # of the whole plain form
    examples: tuple[bytes, ...]
    source: str


QUERIES: Final = (
    Query("DECID", rb"\x1bZ", (b"\x1bZ",), XTERM),
    Query("DA1, DA2, DA3", rb"\x1b\[[>=]?[\d;]*c", (b"\x1b[c", b"\x1b[0c", b"\x1b[>c", b"\x1b[=0c"), XTERM),
    Query(
        "DSR: 5, 6; rxvt's 7 and 8; DEC's and 996, the colour scheme",
        rb"\x1b\[\??[\d;]*n",
        (b"\x1b[5n", b"\x1b[6n", b"\x1b[8n", b"\x1b[?6n", b"\x1b[?15n", b"\x1b[?996n"),
        f"{XTERM}; {RXVT}; contour-terminal.org/vt-extensions/color-palette-update-notifications",
    ),
    Query("DECRQM", rb"\x1b\[\??[\d;]*\$p", (b"\x1b[4$p", b"\x1b[?2026$p"), XTERM),
    Query("DECREQTPARM", rb"\x1b\[[\d;]*x", (b"\x1b[x", b"\x1b[1x"), XTERM),
    Query("XTVERSION", rb"\x1b\[>[\d;]*q", (b"\x1b[>q", b"\x1b[>0q"), XTERM),
    Query("kitty's keyboard", rb"\x1b\[\?[\d;]*u", (b"\x1b[?u",), f"{KITTY}/keyboard-protocol"),
    Query("XTQMODKEYS", rb"\x1b\[\?[\d;]*m", (b"\x1b[?4m",), XTERM),
    Query(
        "window operations that report",
        rb"\x1b\[0*(?:11|13|14|15|16|18|19|20|21)(?:;[\d;]*)?t",
        (b"\x1b[11t", b"\x1b[13;2t", b"\x1b[14t", b"\x1b[16t", b"\x1b[18t", b"\x1b[19t", b"\x1b[21t"),
        XTERM,
    ),
    Query("XTSMGRAPHICS", rb"\x1b\[\?[\d;]*S", (b"\x1b[?1;1;0S", b"\x1b[?2;1S"), XTERM),
    Query("DECRQPSR", rb"\x1b\[[\d;]*\$w", (b"\x1b[1$w", b"\x1b[2$w"), XTERM),
    Query("DECRQTSR", rb"\x1b\[[\d;]*\$u", (b"\x1b[1$u", b"\x1b[2;2$u"), VT510),
    Query("DECRQUPSS", rb"\x1b\[&u", (b"\x1b[&u",), XTERM),
    Query("DECRQDE", rb'\x1b\["v', (b'\x1b["v',), XTERM),
    Query("DECRQCRA", rb"\x1b\[[\d;]*\*y", (b"\x1b[1;1;1;1;9;9*y",), XTERM),
    Query("DECRQLP", rb"\x1b\[[\d;]*'\|", (b"\x1b['|", b"\x1b[1'|"), XTERM),
    Query(
        "XTREPORTSGR, XTREPORTCOLORS, XTTITLEPOS",
        rb"\x1b\[[\d;]*#[|RS]",
        (b"\x1b[1;1;2;2#|", b"\x1b[#R", b"\x1b[#S"),
        XTERM,
    ),
    Query(
        "OSC with a ? for a value: colours (4, 5, 10 to 19, 21), pointer (22), font (50), clipboard (52)",
        rb"\x1b\](?!(?:0|1|2|7|8|9|133|633|777)(?:;|$))\d+;(?:.*[;=:])?\?.*",
        (
            b"\x1b]4;1;?",
            b"\x1b]5;0;?",
            b"\x1b]10;?",
            b"\x1b]11;?",
            b"\x1b]12;?",
            b"\x1b]17;?",
            b"\x1b]21;foreground=?",
            b"\x1b]22;?__current__",
            b"\x1b]50;?",
            b"\x1b]52;c;?",
            b"\x1b]99;p=?",
            b"\x1b]701;?",
            b"\x1b]7770;?",
        ),
        f"{XTERM}; {KITTY}/color-stack, pointer-shapes, desktop-notifications; {RXVT}",
    ),
    Query(
        "allowed and refused features", rb"\x1b\]6[01](?:;.*)?", (b"\x1b]60", b"\x1b]61;allowColorOps"), XTERM
    ),
    Query(
        "kitty's clipboard",
        rb"\x1b\]5522;.*type=read.*",
        (b"\x1b]5522;type=read;Lg==",),
        f"{KITTY}/clipboard",
    ),
    Query(
        "iTerm2's reports",
        rb"\x1b\]1337;(?:Report|Request|Capabilities).*",
        (
            b"\x1b]1337;ReportCellSize",
            b"\x1b]1337;ReportVariable=bmFtZQ==",
            b"\x1b]1337;RequestUpload=format=tgz",
        ),
        ITERM,
    ),
    Query("DECRQSS", rb"\x1bP[\d;]*\$q.*", (b"\x1bP$qm", b"\x1bP$q q"), XTERM),
    Query("XTGETTCAP, XTGETXRES", rb"\x1bP\+[qQ].*", (b"\x1bP+q544e", b"\x1bP+Q616c"), XTERM),
    Query(
        "kitty's remote control",
        rb"\x1bP@kitty-.*",
        (b'\x1bP@kitty-cmd{"cmd":"ls"}',),
        f"{KITTY}/rc_protocol",
    ),
    Query(
        "kitty's graphics, unless quiet",
        rb"\x1b_G(?!(?:[^;]*,)?q=2(?:[,;]|$)).*",
        (b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA", b"\x1b_Gi=1,q=1;AAAA"),
        f"{KITTY}/graphics-protocol",
    ),
)

ENQ: Final = b"\x05"
"""Asks for the answerback message, wherever it stands (VT100)."""

ANNOUNCED: Final = {
    1004: "focus: VTE reports it at once when the mode is set; xterm's ctlseqs, VTE's source (vteseq.cc)",
    2048: "size in band: reported at once when the mode is set; rockorager's in-band-window-resize",
}
"""Modes that answer when they are set: what is set in vain is a query."""

_ANY = re.compile(b"|".join(b"(?:%b)" % query.pattern for query in QUERIES), re.DOTALL)
_FINALS = frozenset(
    example[-1] for query in QUERIES for example in query.examples if example.startswith(b"\x1b[")
)


def is_query(plain: bytes) -> bool:
    """Whether a terminal answers this sequence."""
    if plain.startswith(b"\x1b[") and plain[-1] not in _FINALS:
        return False
    return _ANY.fullmatch(plain) is not None
