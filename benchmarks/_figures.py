"""How figures are shown: medians of runs taken in turn, as ratios or differences within one run."""

import statistics
from collections.abc import Sequence


def milliseconds(seconds: Sequence[float]) -> str:
    """The median, and the range behind it."""
    ordered = sorted(second * 1000 for second in seconds)
    return f"{statistics.median(ordered):.0f} ms ({ordered[0]:.0f}-{ordered[-1]:.0f})"


def ratio(values: Sequence[float], floor: Sequence[float]) -> str:
    """The median of the pairs' ratios."""
    return f"{statistics.median(one / other for one, other in zip(values, floor, strict=True)):.2f} ×"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered)) - 1))]


def table(title: str, rows: Sequence[Sequence[str]]) -> None:
    """Print rows as a Markdown table; the first row is the heading."""
    print(f"\n### {title}\n")
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
