"""Kubernetes quantities: "500m" cores, "4Gi" or "4G" of memory.

The suffixes and their meaning are those of k8s.io/apimachinery `resource.Quantity`: binary Ki…Ei are powers
of 1024, decimal n, u, m, k, M…E powers of 1000, and an exponent (`1e3`) is allowed in place of a suffix.
"""

import decimal
import math
import re

_NUMBER = re.compile(r"^([+-]?(?:\d+(?:\.\d*)?|\.\d+))([eE][+-]?\d{1,2})?(.*)$", re.ASCII)
_LONGEST = 40  # characters; what is longer is no amount that a machine has
_BINARY = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50, "Ei": 1 << 60}
_DECIMAL = {
    "n": decimal.Decimal("1e-9"),
    "u": decimal.Decimal("1e-6"),
    "m": decimal.Decimal("1e-3"),
    "": decimal.Decimal(1),
    "k": decimal.Decimal(10**3),
    "M": decimal.Decimal(10**6),
    "G": decimal.Decimal(10**9),
    "T": decimal.Decimal(10**12),
    "P": decimal.Decimal(10**15),
    "E": decimal.Decimal(10**18),
}


def parse(text: str | int | float) -> decimal.Decimal:
    """The exact value of a quantity. Raises ValueError with a sentence that says what is expected."""
    if isinstance(text, bool):
        raise ValueError(f'invalid quantity "{text}": write a number such as 2, 0.5, 500m or 4Gi')
    match = _NUMBER.match(str(text).strip()) if len(str(text)) <= _LONGEST else None
    if match is None:
        raise ValueError(
            f'invalid quantity "{str(text)[:_LONGEST]}": write a number such as 2, 0.5, 500m or 4Gi'
        )
    number, exponent, suffix = match.groups()
    value = decimal.Decimal(number + (exponent or ""))
    if suffix in _BINARY and not exponent:
        return value * _BINARY[suffix]
    if suffix in _DECIMAL and not (exponent and suffix):
        return value * _DECIMAL[suffix]
    raise ValueError(
        f'invalid quantity "{text}", since it ends in "{suffix}": use Ki, Mi, Gi, Ti (powers of 1024), '
        "k, M, G, T (powers of 1000), or m (thousandths)"
    )


def millicores(text: str | int | float) -> int:
    """Cores as whole thousandths of a core, rounded up. Raises ValueError."""
    return math.ceil(parse(text) * 1000)


def size(text: str | int | float) -> int:
    """Memory as whole bytes, rounded up. Raises ValueError."""
    return math.ceil(parse(text))


def format_cores(thousandths: int) -> str:
    """Millicores as Kubernetes stores them: "2", "500m"."""
    return str(thousandths // 1000) if thousandths % 1000 == 0 else f"{thousandths}m"


def decimal_cores(thousandths: int) -> str:
    """Millicores for a person to read: "2", "0.5"."""
    return f"{decimal.Decimal(thousandths) / 1000:f}"


def shown_cores(amount: str | int | float) -> str:
    """Cores for a person to read: "2", "0.5". Raises ValueError."""
    return decimal_cores(millicores(amount))


def cores_in_words(amount: str | int | float) -> str:
    """Cores in a sentence: "1 core", "0.5 cores". Raises ValueError."""
    number = shown_cores(amount)
    return f"{number} core" if number == "1" else f"{number} cores"


def shown_size(amount: str | int | float) -> str:
    """A quantity of memory or disk for a person to read: "22.4Gi". Raises ValueError."""
    return approximate_size(size(amount))


def format_size(count: int) -> str:
    """Bytes in the unit that is exact and shortest: "4Gi", "1536Mi", "256M", else the plain number."""
    units = {**_BINARY, **{name: int(_DECIMAL[name]) for name in ("k", "M", "G", "T", "P", "E")}}
    exact = [f"{count // factor}{name}" for name, factor in units.items() if count and count % factor == 0]
    return min([str(count), *exact], key=len)


def approximate_size(count: int) -> str:
    """Bytes for a person to read: one decimal at most, binary units ("9.5Gi")."""
    value = float(count)
    for name in ("", "Ki", "Mi", "Gi", "Ti"):
        if abs(value) < 1024 or name == "Ti":
            return f"{value:.1f}".rstrip("0").rstrip(".") + name
        value /= 1024
    raise AssertionError("unreachable: the last unit always returns")
