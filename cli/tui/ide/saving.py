"""How an edited file gets back. What was changed meanwhile on the node is never written over without a yes.

Knows no widget: it says what came of it.
"""

import dataclasses
import enum

from kohakuriver import errors
from kohakuriver.cli.files.client import FilesClient
from kohakuriver.cli.tui.ide.document import EDITABLE, Document, read


class Outcome(enum.Enum):
    SAVED = "saved"
    CHANGED = "changed"  # somebody else changed it, or made it
    GONE = "gone"  # somebody else removed it


@dataclasses.dataclass(frozen=True, slots=True)
class Saved:
    """`document` is what is there now: ours where it was saved, else theirs."""

    outcome: Outcome
    document: Document


async def save(files: FilesClient, document: Document, text: str) -> Saved:
    """Write it if nothing came between. Raises ApiError and Unreachable; then nothing is known to be saved,
    and saving again is right: a first try that came through after all is recognised."""
    try:
        entry = await files.write(document.path, text.encode(), expect=document.version)
    except (errors.Conflict, errors.AlreadyExists):
        return await _compare(files, document, text)
    return Saved(Outcome.SAVED, dataclasses.replace(document, text=text, version=entry.version))


async def load(files: FilesClient, path: str) -> Document:
    """What is there. Raises ApiError and Unreachable."""
    content = await files.read(path, limit=EDITABLE + 1)
    return read(path, content.entry, content.data)


async def _compare(files: FilesClient, document: Document, text: str) -> Saved:
    try:
        theirs = await load(files, document.path)
    except errors.NotFound:
        return Saved(Outcome.GONE, dataclasses.replace(document, version=""))
    outcome = Outcome.SAVED if theirs.text == text and not theirs.read_only else Outcome.CHANGED
    return Saved(outcome, theirs)
