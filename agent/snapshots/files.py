"""Where the archives of a Snapshot lie on this node. Decides nothing, and writes nothing.

DATA_DIR/snapshots/UID/volume-NAME.tar       a volume of `spec.volumes`
                       image-HASH.tar        a volume that the image declares, by its target
                       taking.json           only while it is taken
"""

import hashlib
import re
from pathlib import Path
from typing import Final

_UID: Final = re.compile(r"[0-9a-z][0-9a-z-]{0,62}")
_NAME: Final = re.compile(r"[0-9a-z]([0-9a-z-]{0,62}[0-9a-z])?")
PART: Final = ".part"  # at the end of the name of what is still being written


class Files:
    """Those of one node. Raises ValueError for names that no server gives."""

    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir / "snapshots"

    def folder(self, uid: str) -> Path:
        """Everything of that Snapshot."""
        if not _UID.fullmatch(uid):
            raise ValueError(f'invalid uid of a Snapshot: "{uid}"')
        return self.root / uid

    def archive(self, uid: str, name: str | None, target: str) -> Path:
        """The files of one of its volumes."""
        if name is None:
            return self.folder(uid) / f"image-{hashlib.sha256(target.encode()).hexdigest()[:20]}.tar"
        if not _NAME.fullmatch(name):
            raise ValueError(f'invalid name of a volume: "{name}"')
        return self.folder(uid) / f"volume-{name}.tar"

    def note(self, uid: str) -> Path:
        """What an agent that begins again has to know of the try before."""
        return self.folder(uid) / "taking.json"
