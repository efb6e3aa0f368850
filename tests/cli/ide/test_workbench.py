"""The tabs look again at what is open, as often as they are asked to."""

import gc


async def test_a_look_that_the_next_overtakes_before_it_began_leaves_no_warning(desk) -> None:
    async with desk() as one:
        await one.open("/root/a.py")
        for _ in range(3):
            one.app.workbench._look_again()
        await one.pilot.pause()
        gc.collect()
