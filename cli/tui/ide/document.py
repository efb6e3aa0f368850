"""What is open in a tab: its text, the version that it was read from, and whether it can be edited. Pure.

What would not come back byte for byte is opened read-only and says why; so saving never spoils what nobody
touched.
"""

import dataclasses
from typing import Final

from kohakuriver.cli.files.entry import Entry

EDITABLE: Final = 5_000_000  # bytes
SHOWN: Final = 200_000  # bytes of what is too large
_LANGUAGES: Final = {
    "py": "python", "pyi": "python", "json": "json", "md": "markdown", "yaml": "yaml", "yml": "yaml",
    "toml": "toml", "rs": "rust", "html": "html", "htm": "html", "css": "css", "xml": "xml", "svg": "xml",
    "sql": "sql", "js": "javascript", "mjs": "javascript", "jsx": "javascript", "ts": "javascript",
    "java": "java", "sh": "bash", "bash": "bash", "zsh": "bash", "go": "go",
}  # fmt: skip
_BY_NAME: Final = {
    ".bashrc": "bash", ".profile": "bash", ".bash_profile": "bash", ".zshrc": "bash", "Pipfile": "toml",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """One file as it was read. `version` is "" for one that is not there yet."""

    path: str
    text: str = ""
    version: str = ""
    read_only: str = ""  # why, if it is
    note: str = ""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def language(self) -> str | None:
        """What to highlight it as."""
        return language(self.name, self.text)

    @property
    def uses_tabs(self) -> bool:
        return "\n\t" in self.text or self.text.startswith("\t") or self.name.lower() == "makefile"


def read(path: str, entry: Entry, data: bytes) -> Document:
    """The document that was read. `data` may be a beginning, where the file is too large."""
    reason, text = _text(entry, data)
    return Document(path, text, entry.version, read_only=reason)


def _text(entry: Entry, data: bytes) -> tuple[str, str]:
    """Why it cannot be edited, and its text."""
    if b"\0" in data[:SHOWN]:
        return "a binary file", data[:SHOWN].decode(errors="replace").replace("\0", "·")
    if entry.size > EDITABLE:
        reason = f"larger than {EDITABLE // 1_000_000} MB: the first {SHOWN // 1000} kB are shown"
        return reason, data[:SHOWN].decode(errors="replace")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "not UTF-8", data[:SHOWN].decode(errors="replace")
    if not _comes_back(text):
        return "its line ends are mixed, or of a kind that would not come back as they are", text
    return "", text


def _comes_back(text: str) -> bool:
    """Whether an editor that knows one kind of line end gives back what it was given."""
    lines = text.splitlines()
    newline = "\r\n" if "\r\n" in text else "\n"
    if text.endswith(newline) or not text:
        lines.append("")
    return newline.join(lines) == text


def language(name: str, text: str) -> str | None:
    """By the name, else by the first line."""
    known = _BY_NAME.get(name) or _LANGUAGES.get(name.rpartition(".")[2].lower() if "." in name else "")
    if known is None and text.startswith("#!"):
        first = text.split("\n", 1)[0]
        return "python" if "python" in first else "bash" if first.rstrip().endswith("sh") else None
    return known
