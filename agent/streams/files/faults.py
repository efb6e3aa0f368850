"""What the kernel refuses, as errors that name the path. Mapped here and nowhere else in the helper."""

import errno
from collections.abc import Mapping
from typing import Final

from kohakuriver import errors

_KINDS: Final[Mapping[int, tuple[type[errors.ApiError], str]]] = {
    errno.ENOENT: (errors.NotFound, "there is no such file or folder"),
    errno.EEXIST: (errors.AlreadyExists, "it is there already"),
    errno.ENOTEMPTY: (errors.Conflict, "the folder is not empty"),
    errno.EACCES: (errors.Forbidden, "permission denied"),
    errno.EPERM: (errors.Forbidden, "not permitted"),
    errno.EROFS: (errors.Forbidden, "it is on a read-only filesystem"),
    errno.ENOTDIR: (errors.BadRequest, "a part of it is not a folder"),
    errno.EISDIR: (errors.BadRequest, "it is a folder"),
    errno.ELOOP: (errors.BadRequest, "too many links on the way"),
    errno.ENAMETOOLONG: (errors.BadRequest, "the name is too long"),
    errno.EINVAL: (errors.BadRequest, "the name cannot be used"),
    errno.EXDEV: (errors.BadRequest, "that is on another filesystem"),
    errno.EBUSY: (errors.Conflict, "it is in use, or something is mounted there"),
    errno.ENOSPC: (errors.TooLarge, "no space is left on the device"),
    errno.EDQUOT: (errors.TooLarge, "the disk quota is used up"),
}


def of(error: OSError, path: str) -> errors.ApiError:
    """The error that the person sees."""
    kind, words = _KINDS.get(error.errno or 0, (errors.InternalError, error.strerror or str(error)))
    return kind(f"{path}: {words}")
