"""The first line: where one looks, how much of it is shown, and how many VPSes there stand how."""

from collections.abc import Sequence

from kohakuriver.cli.tui.dashboard import vps_line
from kohakuriver.cli.tui.dashboard.line import Line, Piece, Tone, joined
from kohakuriver.cli.tui.dashboard.world import World, matches


def heading(world: World, places: Sequence[str], *, words: str, order: str, forwards: int) -> Line:
    """`places`: the cluster, the namespace. `words`: the filter; what it hides is not counted."""
    left = [Piece(place, Tone.TITLE) for place in places]
    if world.trouble:
        return joined([Piece("reconnecting…", Tone.WARN), Piece(world.trouble, Tone.FAINT)])
    if not world.is_known:
        return joined([*left, Piece("connecting…", Tone.FAINT)])
    there = list(world.vpses.objects)
    shown = [vps for vps in there if matches(vps, words)]
    if words:
        left.append(Piece(f"/{words}: {len(shown)} of {len(there)}", Tone.BUSY))
    if order:
        left.append(Piece(f"by {order}", Tone.BUSY))
    if forwards:
        left.append(Piece(f"{forwards} forwarded", Tone.BUSY))
    counts = [f"{count} {phase}" for phase, count in vps_line.counts(shown)]
    return joined([*left, Piece(" · ".join(counts))])
