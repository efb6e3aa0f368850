"""Work beside the keys, whose failure ends nothing but itself: there may be text that is not saved.

Textual ends the whole app where a worker raises, so each one of the IDE runs its work through this.
"""

from collections.abc import Awaitable
from typing import Any

from textual.app import App

from kohakuriver import errors


async def lasting(app: App[Any], work: Awaitable[object]) -> None:
    """Do it; what fails is told."""
    try:
        await work
    except (errors.KohakuRiverError, OSError) as error:
        hint = getattr(error, "hint", "")
        app.notify(f"{error}" + (f"\n{hint}" if hint else ""), severity="error", markup=False)
    except Exception as error:
        words = (
            f"the IDE has a fault: {in_words(error)}\nunsaved text is kept; please save it, and report this"
        )
        app.notify(words, severity="error", markup=False)


def in_words(error: BaseException) -> str:
    """A fault of our own, for whoever mends it; of several that came together the first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
