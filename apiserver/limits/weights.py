"""What requests cost, in tokens of their credential's bucket: a GET of a small object is one. Pure.

A token stands for about two milliseconds of a processor, measured: a GET takes 2.2, a LIST that holds 50
requirements against 50 objects 7, a patch of 200 kB 9, an apply of 300 fields to an object of seven managers
9.5. So `--rate-limit` bounds time, and not a number of questions.
"""

COMPARISONS = 1_000  # objects × requirements of a selector
SENT = 256 * 1024  # bytes of an answer
DECODED = 64 * 1024  # bytes of what is stored, read for an answer
WRITTEN = 64 * 1024  # bytes that are parsed, checked, encoded and stored
FIELDS = 200  # of what is written
INSTALLATION = 50.0  # of what installs a machine, beside sending it: with 500 tokens a second, ten a second
SESSION = 20.0  # of a session in a browser or a code for one: a write, for who may write nothing else
LONG = 16 * 1024  # bytes of a body or an object from which on a write waits for its turn

COMPARISONS_AT_ONCE = 1_000  # between two turns of everybody else: a millisecond
BYTES_AT_ONCE = 256 * 1024


def matching(objects: int, requirements: int) -> float:
    """Of a selector that is held against so many objects."""
    return objects * requirements / COMPARISONS


def sending(size: int) -> float:
    """Of an answer, or of a part of one."""
    return size / SENT


def decoding(size: int) -> float:
    """Of what is read from the store, and not from memory."""
    return size / DECODED


def writing(size: int) -> float:
    """Of a body, and of the object that it changes; what any request may cost is in its token."""
    return max(0, size - WRITTEN) / WRITTEN


def fields(content: bytes) -> float:
    """Of the fields in a body or an object, which are checked one by one, and of those its managers have."""
    return max(0, content.count(b":") - FIELDS) / FIELDS


def at_once(requirements: int, most: int) -> int:
    """How many objects a selector is held against in one turn of the loop."""
    return max(1, min(most, COMPARISONS_AT_ONCE // max(1, requirements)))
