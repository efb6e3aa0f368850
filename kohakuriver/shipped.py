"""The files that are installed beside the code: units, CRDs, examples, what builds the default image.

In a checkout they are the folder `manifests/`, which `kohakuriver/manifests` links to; in what pip
installed they lie in the package.
"""

from pathlib import Path

FOLDER = Path(__file__).parent / "manifests"


def path(name: str) -> Path:
    """Where the file or folder lies, by its name below `manifests/`. Raises FileNotFoundError."""
    found = FOLDER / name
    if not found.exists():
        raise FileNotFoundError(2, "this installation of KohakuRiver lacks it: install it again", str(found))
    return found
