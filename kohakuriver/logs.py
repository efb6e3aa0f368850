"""How every program logs: one line per record on stderr, a constant sentence and then its fields.

    2026-11-23T17:00:00.123Z INFO  apiserver.cache.cache  the store watch broke  revision=812 wait=0.5

Fields are passed as `extra={"revision": 812}`; a value with blanks is quoted, and a name that begins with an
underscore is for other handlers. Call `configure` once, in `__main__`; nothing else touches the root logger.
"""

import datetime
import json
import logging
import re
import sys

from kohakuriver.printable import plain

_PACKAGE = "kohakuriver."  # not written: every name begins with it
_NEEDS_QUOTES = re.compile(r'[\s"=]')
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LineFormatter(logging.Formatter):
    """Time, level, logger, sentence, key=value …, and a traceback behind it where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        time = moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
        fields = [f"{name}={_value(value)}" for name, value in vars(record).items() if _is_shown(name)]
        sentence = plain(record.getMessage()).replace("\n", "\\n")
        line = "  ".join(
            [f"{time} {record.levelname:<5} {record.name.removeprefix(_PACKAGE)}", sentence, " ".join(fields)]
        )
        trace = plain(self.formatException(record.exc_info)) if record.exc_info else ""
        return f"{line.rstrip()}\n{trace}" if trace else line.rstrip()


def configure(level: int = logging.INFO) -> None:
    """Send everything at `level` and above to stderr, one line each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _is_shown(name: str) -> bool:
    return name not in _STANDARD and not name.startswith("_")


def _value(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    if text and text.isprintable() and not _NEEDS_QUOTES.search(text):
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())  # nothing that a terminal would obey
