"""In memory: folders, and what lies below each."""

from collections.abc import Sequence

from kohakuriver.agent.room.gauge import Amount, CannotMeasure


class FakeGauge:
    """In memory: folders, and what lies below each."""

    def __init__(self) -> None:
        self.folders: dict[str, Amount] = {}
        self.trouble = ""  # why nothing can be counted
        self.asked: list[tuple[str, ...]] = []

    async def measure(self, folders: Sequence[str], *, within: float, most: int) -> Amount:
        self.asked.append(tuple(folders))
        if self.trouble:
            raise CannotMeasure(self.trouble)
        missing = [folder for folder in folders if folder not in self.folders]
        if missing:
            raise CannotMeasure(f"its files could not be counted: {missing[0]}: No such file or directory")
        found = [self.folders[folder] for folder in folders]
        files = sum(one.files for one in found)
        return Amount(
            size=sum(one.size for one in found),
            files=min(files, most),
            is_whole=files < most and all(one.is_whole for one in found),
            is_too_deep=any(one.is_too_deep for one in found),
        )
