"""The event loop's time as both clocks, so that simulated time moves everything together."""

import datetime

from kohakuriver.clock import EPOCH


class LoopClock:
    """The event loop's time as both clocks, so that simulated time moves everything together."""

    def now(self) -> datetime.datetime:
        return EPOCH + datetime.timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        import asyncio  # here, so that the CLI need not load it

        return asyncio.get_running_loop().time()
