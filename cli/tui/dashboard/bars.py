"""Bars: how much of what there is has been booked. Pure."""

from kohakuriver.cli.tui.dashboard.line import Line, Piece, Tone

_EIGHTHS = " ▏▎▍▌▋▊▉"
_TIGHT, _FULL = 0.8, 1.0


def bar(used: float, there: float, width: int) -> Line:
    """So many cells. What is booked at all shows, and only what is full looks full."""
    share = min(max(used / there, 0.0), 1.0) if there > 0 else 0.0
    eighths = round(share * width * 8)
    if 0 < share < 1:
        eighths = min(max(eighths, 1), width * 8 - 1)
    whole, rest = divmod(eighths, 8)
    filled = "█" * whole + (_EIGHTHS[rest] if rest else "")
    return [Piece(filled, tone(share)), Piece("░" * (width - len(filled)), Tone.FAINT)]


def tone(share: float) -> Tone:
    """Nothing is wrong with a full node; it is only good to know."""
    return Tone.GOOD if share < _TIGHT else Tone.BUSY if share < _FULL else Tone.WARN
