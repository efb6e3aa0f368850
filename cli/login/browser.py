"""The person's own browser, at an address."""

import webbrowser

from kohakuriver.cli import screen


def open_at(url: str, *, otherwise: str) -> None:
    """Have it open the address; `otherwise` is what is said where there is none."""
    try:
        opened = webbrowser.open(url)
    except webbrowser.Error:
        opened = False
    if not opened:
        screen.note(otherwise)
