"""A tarball to make an Environment of: where it is, and its digest. Reads files piece by piece."""

import hashlib
import re
from pathlib import Path
from typing import Any

from kohakuriver import errors
from kohakuriver.cli import failures

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHUNK = 1 << 20


def spec(source: str, digest: str | None) -> dict[str, Any]:
    """`spec` of the Environment; a file's digest is worked out. Raises UsageError and ConfigError."""
    if digest is not None and not _DIGEST.fullmatch(digest):
        raise failures.UsageError(
            f'--digest "{digest}" is none',
            hint="write sha256: and 64 digits, as printed by: sha256sum FILE",
        )
    if source.startswith(("http://", "https://")):
        if digest is None:
            raise failures.UsageError(
                "of a URL the digest is needed, so that nodes load nothing else",
                hint="add --digest sha256:…, as printed by: sha256sum FILE",
            )
        return {"tarball": source, "digest": digest}
    file = Path(source).expanduser().absolute()
    if digest is not None and not file.exists():
        return {"tarball": str(file), "digest": digest}  # the nodes have it
    found = _digest(file)
    if digest not in (None, found):
        raise errors.ConfigError(f"{file} has the digest {found}, not {digest}", hint="is it the right file?")
    return {"tarball": str(file), "digest": found}


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    try:
        with file.open("rb") as reading:
            while chunk := reading.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise errors.ConfigError(
            f"{file} cannot be read: {error.strerror}",
            hint="a file that only the nodes have needs --digest sha256:…",
        ) from None
    return f"sha256:{digest.hexdigest()}"
