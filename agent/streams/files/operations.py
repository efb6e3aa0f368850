"""What may be asked for, by name."""

from typing import Final

from kohakuriver.agent.streams.files import looking, moving, writing
from kohakuriver.agent.streams.files.service import Operation

OPERATIONS: Final = {
    "stat": Operation(looking.look),
    "list": Operation(looking.list_folder),
    "walk": Operation(looking.walk),
    "read": Operation(looking.read),
    "write": Operation(writing.write, has_body=True),
    "folder": Operation(writing.make_folder),
    "rename": Operation(writing.rename),
    "remove": Operation(writing.remove),
    "archive": Operation(moving.archive),
    "extract": Operation(moving.extract, has_body=True),
}
