"""Sets of cores as the kernel writes them: "0-3,8"."""

from collections.abc import Collection


def parse(text: str) -> frozenset[int]:
    """The cores of a set; "" is none. Raises ValueError."""
    cores: set[int] = set()
    for part in text.split(",") if text.strip() else ():
        first, dash, last = part.strip().partition("-")
        try:
            cores.update(range(int(first), int(last if dash else first) + 1))
        except ValueError as error:
            raise ValueError(f'"{text}" is not a set of cores: write one such as 0-3,8') from error
    return frozenset(cores)


def written(cores: Collection[int]) -> str:
    """The shortest way to write a set."""
    parts: list[str] = []
    left = sorted(cores)
    while left:
        length = next((n for n in range(1, len(left)) if left[n] != left[0] + n), len(left))
        parts.append(str(left[0]) if length == 1 else f"{left[0]}-{left[length - 1]}")
        left = left[length:]
    return ",".join(parts)
