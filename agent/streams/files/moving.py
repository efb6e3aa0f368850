"""Operations on whole folders: archive sends one as a tar stream, extract writes one below a folder."""

from typing import Any, Final

from kohakuriver.agent.streams.files.root import Root, open_below
from kohakuriver.agent.streams.files.service import Exchange, Request
from kohakuriver.trees.pack import pack
from kohakuriver.trees.unpack import unpack

_MOST_NOTES: Final = 100


def archive(root: Root, request: Request, exchange: Exchange) -> dict[str, Any]:
    """archive: everything below a folder, as bytes, and what is mounted there with it: volumes and mounts are
    the VPS's files as well. Nothing of the kernel's."""
    notes: list[str] = []
    with root.folder(request.path()) as folder:
        count = pack(folder, exchange.send, _keeper(notes), opened=open_below)
    return {"count": count, "left_out": notes}


def extract(root: Root, request: Request, exchange: Exchange) -> dict[str, Any]:
    """extract: write a tar stream below a folder that is there."""
    notes: list[str] = []
    with root.folder(request.path()) as folder:
        count = unpack(
            exchange.body,
            folder,
            note=_keeper(notes),
            owner=root.owner,
            outward_links=True,
            opened=open_below,
        )
    return {"count": count, "left_out": notes}


def _keeper(notes: list[str]) -> Any:
    def note(words: str) -> None:
        if len(notes) < _MOST_NOTES:
            notes.append(words)

    return note
