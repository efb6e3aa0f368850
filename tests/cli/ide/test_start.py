"""The screen is taken only where the VPS can be entered."""

from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.cli.tui.ide import start


class Stopped:
    """A VPS that lets nobody in."""

    name = "dev"

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def stream(self, kind: str, *_: Any, **__: Any) -> Any:
        self.asked.append(kind)
        raise errors.Conflict("dev is stopped", hint="start it: kohakuriver vps start dev")


def test_what_keeps_one_out_is_said_before_the_screen_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    vps = Stopped()
    with pytest.raises(errors.Conflict, match="dev is stopped"):
        start.start(vps, session=None, language="")
    assert vps.asked == ["files"] and capsys.readouterr() == ("", "")
