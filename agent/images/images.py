"""Which images can be used now, and the fetches that are under way. One per image, whoever wants it, in the
first place that any namespace gets which wants it: slow registries of one keep nobody else waiting.

Nothing is looked up beforehand: a create says when its image is missing, so a start with the image
present costs no call. A failed pull is tried again after 1, 2, 4 … 60 seconds, when somebody still asks. One
that nobody waits for any more is given up.
"""

import asyncio
import functools
import logging
from collections.abc import Callable

from kohakuriver import durations, image_name
from kohakuriver.agent.deciding import restart
from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.deciding.memory import ImageState, ImageView
from kohakuriver.agent.images.stock import Stock
from kohakuriver.agent.images.tarballs import Tarballs
from kohakuriver.agent.runtime.base import PullProgress, Runtime
from kohakuriver.agent.runtime.errors import (
    EngineError,
    ImageMissing,
    ImageNotOnNode,
    ImagePullFailed,
    bring,
)
from kohakuriver.agent.shares import Shares
from kohakuriver.clock import Clock
from kohakuriver.resources.vps import PullPolicy

log = logging.getLogger(__name__)

PULLS = 5  # at a time, of which one namespace has 3 at most
WITHIN = 6 * 3600.0  # seconds: 60 GB at 3 MB/s
OFTEN = 3  # tries after which what a registry says is taken for lasting


class Images:
    """What is known of the images that VPSes here name."""

    def __init__(
        self,
        runtime: Runtime,
        tarballs: Tarballs,
        *,
        clock: Clock,
        changed: Callable[[str], None],
        asked_as_node: Callable[[str], bool],
        stock: Stock,
    ) -> None:
        self._runtime = runtime
        self._tarballs = tarballs
        self._clock = clock
        self._stock = stock
        self._changed = changed
        self._asked_as_node = asked_as_node  # images for which a registry gets this machine's credentials
        self._views: dict[str, ImageView] = {}  # of those that are not simply usable
        self._failures: dict[str, int] = {}
        self._waiting: dict[str, set[str]] = {}  # image -> uids that asked for its pull
        self._asked: dict[str, set[str]] = {}  # image -> namespaces that have asked for a place for it
        self._tasks: dict[str, set[asyncio.Task[None]]] = {}  # by image: one for each of them
        self._fetching: dict[str, asyncio.Task[None]] = {}  # by image: the one of them that has begun
        self._shares = Shares(PULLS)
        self._fresh: set[tuple[str, str]] = set()  # (image, uid): pulled for this VPS
        self._wanted: asyncio.Queue[tuple[str, str]] = asyncio.Queue()  # image and namespace

    def view(self, image: str, *, policy: PullPolicy, uid: str) -> ImageView:
        """How the image stands for this VPS."""
        known = self._views.get(image)
        if not self.can_be_pulled(image, policy):
            return ImageView()
        if known is not None:
            return known
        loaded = self._tarballs.knows(image)  # its name says which content it is
        if policy is PullPolicy.ALWAYS and not loaded and (image, uid) not in self._fresh:
            return ImageView(ImageState.ABSENT)
        return ImageView()

    def can_be_pulled(self, image: str, policy: PullPolicy) -> bool:
        """Whether it may be fetched: a tarball always, else from a registry where that is allowed."""
        if self._tarballs.knows(image):
            return True
        return policy is not PullPolicy.NEVER and not image_name.own(image)

    def missing(self, image: str) -> None:
        """The engine said that it does not have it."""
        self._views.setdefault(image, ImageView(ImageState.ABSENT))

    def demand(self, desired: Desired) -> None:
        """See to it that the image, which the engine does not have, is fetched. Raises ImageNotOnNode."""
        if self.can_be_pulled(desired.image, desired.pull_policy):
            self.missing(desired.image)
            return
        error = ImageMissing(desired.image)
        if image_name.own(desired.image):
            raise ImageNotOnNode(error.message, hint=bring(desired.image)) from error
        raise ImageNotOnNode(
            f"{error.message}, and it may not be pulled", hint="load it on the node: docker load"
        ) from error

    def used(self, image: str, uid: str) -> None:
        """A container was made from it: the next one of this VPS asks the registry again if it must."""
        self._fresh.discard((image, uid))
        self._stock.used(image)

    @property
    def wanted(self) -> frozenset[str]:
        """Those that are being fetched, or that somebody waits for."""
        return frozenset(self._waiting)

    def pull(self, image: str, uid: str, namespace: str) -> None:
        """Begin to fetch it, unless that is under way. `changed` is called as it goes on and when it ends."""
        self.leave(uid, but=image)
        self._waiting.setdefault(image, set()).add(uid)
        view = self._views.get(image)
        if view is None or view.state is not ImageState.PULLING:
            self._views[image] = ImageView(ImageState.PULLING, f"{self._verb(image)} {image}")
        asked = self._asked.setdefault(image, set())
        if namespace not in asked:
            asked.add(namespace)
            self._wanted.put_nowait((image, namespace))

    def leave(self, uid: str, *, but: str = "") -> None:
        """This VPS waits for no image any more, `but` for one. What nobody waits for is given up."""
        for image in [one for one, uids in self._waiting.items() if uid in uids and one != but]:
            self._waiting[image].discard(uid)
            if self._waiting[image]:
                continue
            self._views.pop(image, None)
            self._end(image)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                image, namespace = await self._wanted.get()
                if image in self._waiting:
                    task = tasks.create_task(self._fetch(image, namespace), name=f"pull {image}")
                    self._tasks.setdefault(image, set()).add(task)
                    task.add_done_callback(functools.partial(self._over, image))

    def _over(self, image: str, task: "asyncio.Task[None]") -> None:
        self._tasks.get(image, set()).discard(task)
        if not self._tasks.get(image):
            self._tasks.pop(image, None)

    async def _fetch(self, image: str, namespace: str) -> None:
        mine = asyncio.current_task()
        assert mine is not None  # noqa: S101 - for the type checker
        async with self._shares.place(namespace):
            if image not in self._waiting or image in self._fetching:
                return
            self._fetching[image] = mine
            try:
                await self._fetch_now(image, mine)
            finally:
                if self._fetching.get(image) is mine:
                    del self._fetching[image]

    def _end(self, image: str) -> set[str]:
        """Nobody waits for it any more; the uids that did."""
        self._asked.pop(image, None)
        self._fetching.pop(image, None)
        for task in self._tasks.pop(image, set()) - {asyncio.current_task()}:
            task.cancel()
        return self._waiting.pop(image, set())

    async def _fetch_now(self, image: str, mine: "asyncio.Task[None]") -> None:
        def progress(step: PullProgress) -> None:
            if self._fetching.get(image) is not mine:
                return  # a thread that was given up copies on
            percent = f"{step.percent} %" if step.percent is not None else step.message
            self._views[image] = ImageView(ImageState.PULLING, f"{self._verb(image)} {image}: {percent}")
            self._changed(image)

        try:
            async with asyncio.timeout(WITHIN):
                before = await self._runtime.image(image)
                if self._tarballs.knows(image):
                    await self._tarballs.fetch(image, progress)
                else:
                    await self._runtime.pull(image, progress, as_node=self._asked_as_node(image))
                found = await self._runtime.image(image)
        except EngineError as error:
            self._failed(image, error)
        except TimeoutError:
            late = f"the image {image} could not be pulled: it was not there after {durations.age(WITHIN)}"
            self._failed(
                image, ImagePullFailed(late, hint="use a registry that is nearer, or a smaller image")
            )
        else:
            self._failures.pop(image, None)
            self._views.pop(image, None)
            self._fresh |= {(image, uid) for uid in self._end(image)}
            if found is not None and (before is None or before.id != found.id):
                self._stock.brought(image, found.id)
            log.info("image pulled", extra={"image": image})
        self._changed(image)

    def _verb(self, image: str) -> str:
        return "loading" if self._tarballs.knows(image) else "pulling"

    def _failed(self, image: str, error: EngineError) -> None:
        self._failures[image] = self._failures.get(image, 0) + 1
        self._end(image)
        pause = restart.delay(self._failures[image])
        reason = ""
        if isinstance(error, ImagePullFailed) and self._failures[image] >= OFTEN:
            reason = error.reason
        self._views[image] = ImageView(
            ImageState.FAILED, failed_words(error, pause), self._clock.monotonic() + pause, reason
        )
        log.warning("image not pulled", extra={"image": image, "again_in": pause, "error": error.message})


def failed_words(error: EngineError, pause: float) -> str:
    """What a person looks for first: why, and when it is tried again. Then the engine's own words. Pure."""
    own, said = error.message, ""
    if isinstance(error, ImagePullFailed):
        own, said = error.own, error.said
    hint = f" ({error.hint})" if error.hint else ""
    return f"{own}; next try in {pause:g} s{hint}" + (f": {said}" if said else "")
