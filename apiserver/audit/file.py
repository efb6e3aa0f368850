"""The audit log: a line of JSON for what was opened, written and refused, in a file of its own (--audit-log).

What cannot be written is lost, and the server goes on: people need their VPSes more than the file, and a full
disk must not be a way to stop both. It is said once, loudly, and again when it is over, with the number of
lines.
"""

import contextlib
import datetime
import errno
import io
import json
import logging
import logging.handlers
import os
import stat
import sys
from pathlib import Path

from kohakuriver import private_file
from kohakuriver.errors import ConfigError

LOG = logging.getLogger(__name__)

LONGEST = 20_000_000  # bytes of one file: 50,000 lines and more
OLDER = 9  # files kept beside it: 200 MB together

# What somebody has to mend who has just named the file; else it may pass, and the server serves meanwhile.
_MISTAKES = (errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENXIO, errno.ELOOP)


class JsonLine(logging.Formatter):
    """Time and event, then who and what."""

    def format(self, record: logging.LogRecord) -> str:
        made: str | None = getattr(record, "_line", None)
        if made is not None:
            return made
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        found = vars(record)
        audit = dict(found["_audit"])
        whole = {"time": moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"}
        whole["event"] = audit.pop("event")
        shown = {name: found[name] for name in found if name not in _NO_FIELDS and not name.startswith("_")}
        return json.dumps(whole | audit | shown, separators=(",", ":"), default=str)


_NO_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class AuditFile(logging.handlers.RotatingFileHandler):
    """For its owner alone; begun anew when it is long. Raises ConfigError for a file that cannot be meant."""

    def __init__(self, path: Path, *, longest: int = LONGEST, older: int = OLDER) -> None:
        self._lost = 0
        super().__init__(path, maxBytes=longest, backupCount=older, encoding="utf-8", delay=True)
        self.setFormatter(JsonLine())
        self.addFilter(lambda record: hasattr(record, "_audit"))
        self._try(path)

    def emit(self, record: logging.LogRecord) -> None:
        lost = self._lost
        super().emit(record)
        if lost and self._lost == lost:
            self._lost = 0
            LOG.warning("the audit log is written again", extra={"file": self.baseFilename, "lost": lost})
            super().emit(logging.makeLogRecord({"_audit": {"event": "lost"}, "lines": lost}))

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not self._lost:
            LOG.error(
                "the audit log cannot be written; the server goes on, and what happens now is not in it",
                extra={"file": self.baseFilename, "error": str(error)},
            )
        self._lost += 1
        self._drop()

    def _open(self) -> io.TextIOWrapper:
        """A line that was cut off, by a full disk or a power cut, stays a line of its own."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(self.baseFilename, flags, 0o600)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EEXIST, "this is not a regular file", self.baseFilename)
            os.fchmod(descriptor, 0o600)
            if found.st_size and os.pread(descriptor, 1, found.st_size - 1) != b"\n":
                os.write(descriptor, b"\n")
        except BaseException:
            os.close(descriptor)
            raise
        return io.TextIOWrapper(os.fdopen(descriptor, "ab"), encoding="utf-8")

    def _try(self, path: Path) -> None:
        try:
            private_file.make_folder(path.absolute().parent)
            self.stream = self._open()
        except OSError as error:
            if error.errno in _MISTAKES:
                raise ConfigError(
                    f"cannot write the audit log {path}: {error.strerror}",
                    hint="--audit-log names a file, in a folder that the API server may write to",
                ) from error
            self.handleError(logging.makeLogRecord({}))

    def _drop(self) -> None:
        """What its buffer still holds is lost with it: half a line would be written later."""
        stream, self.stream = self.stream, None  # it is opened again when needed
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
