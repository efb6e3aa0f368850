"""The dashboard put together: nodes above, VPSes below, events of the selected one at the bottom; the keys.

What changes marks the screen as out of date; it is drawn a few times a second at most, however much changes.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.text import Text
from textual import events, on
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.filter import LineFilter
from textual.widgets import Input, Label, Static

from kohakuriver.cli.access.top import stats
from kohakuriver.cli.framework.harmless import HARMLESS
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.session.target import Target
from kohakuriver.cli.tui.dashboard import describing, detail, heading, keys, node_line, painting, vps_line
from kohakuriver.cli.tui.dashboard.alike import alike
from kohakuriver.cli.tui.dashboard.hands import Hands
from kohakuriver.cli.tui.dashboard.line import Line, cut
from kohakuriver.cli.tui.dashboard.listing import Listing
from kohakuriver.cli.tui.dashboard.namespaces import Namespaces
from kohakuriver.cli.tui.dashboard.page import Page
from kohakuriver.cli.tui.dashboard.table import Table
from kohakuriver.cli.tui.dashboard.using import Using
from kohakuriver.cli.tui.dashboard.world import ORDERS, World
from kohakuriver.cli.tui.ide.keys import Keys
from kohakuriver.cli.view.standing import Reader
from kohakuriver.client.watch import ObjectKey
from kohakuriver.clock import Clock, SystemClock
from kohakuriver.resources.view import VPS

Object = dict[str, Any]

_COALESCED: Final = 0.1  # seconds that changes are gathered before they are drawn
_TICK: Final = 2.0  # seconds after which ages are drawn anew
_THEME: Final = "tokyo-night"


class Dashboard(App[int]):
    """The dashboard on the screen; its exit code is 0."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS = keys.BINDINGS
    CSS = painting.SHEET

    def __init__(
        self,
        settings: Settings,
        *,
        namespace: str | None,
        selector: str = "",
        clock: Clock | None = None,
        colour: bool = True,
    ) -> None:
        """`namespace` None: all of them."""
        super().__init__(ansi_color=None if colour else True)
        self.clock = clock or SystemClock()
        self._settings, self._namespace, self._colour = settings, namespace, colour
        self._connection = settings.connection()
        self._reader = Reader(namespace=settings.reader().namespace)  # there is no room for options
        self.hands = Hands(self, settings, self.clock)
        self._selector = selector
        self.world = self._world()
        self.using = Using(self._use_of, self._in_sight, self.mark)
        self._alike: Mapping[str, str] = {}
        self._order = ORDERS[0]
        self._words = ""
        self._is_marked = False
        self._about = ""  # the uid of the VPS below the tables
        self._tones: painting.Tones = {}

    def _world(self) -> World:
        return World(
            self._connection,
            namespace=self._namespace,
            selector=self._selector,
            clock=self.clock,
            timeout=self._settings.request_timeout,
            changed=self.mark,
        )

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), HARMLESS]

    def compose(self) -> ComposeResult:
        yield Static(id="top", classes="line")
        yield Static(id="node-titles", classes="line titles")
        yield Table(self._node_line, empty="…", id="nodes")
        yield Static(id="vps-titles", classes="line titles")
        yield Table(self._vps_line, empty="…", id="vpses")
        with Horizontal(id="filter"):
            yield Label("/")
            yield Input(
                id="words", compact=True, placeholder="words of name, node, phase, label; !word: without"
            )
        yield Static(id="detail", markup=False)
        yield Static(id="keys", classes="line")

    def on_mount(self) -> None:
        if self._colour:
            self.theme = _THEME
        self._tones = painting.tones(self.theme_variables, colour=self._colour)
        self.nodes, self.vpses = self.query_one("#nodes", Table), self.query_one("#vpses", Table)
        self.nodes.tones = self.vpses.tones = self._tones
        self.vpses.focus()
        self.run_worker(self.world.run(), exclusive=True, group="world")
        self.run_worker(self.using.run())
        self.set_interval(_TICK, self.mark)
        self.call_after_refresh(self.redraw)

    # What is drawn, and when.

    def mark(self) -> None:
        """Something is not as the screen shows it."""
        if not self._is_marked:
            self._is_marked = True
            self.set_timer(_COALESCED, self.redraw)

    def redraw(self) -> None:
        """Everything as it is now."""
        self._is_marked = False
        if not self.is_running or not hasattr(self, "vpses"):
            return
        self._show("#top", self._top())
        self._show("#keys", painting.hint(keys.HINT, self.size.width - 2))
        if self.world.is_known:
            self._draw_tables()
            self._draw_detail()
        if isinstance(self.screen, Page):
            self.screen.show()

    def _draw_tables(self) -> None:
        world, width = self.world, self.size.width - 3
        nodes = list(world.nodes.objects)
        self._node_columns = node_line.columns(nodes, world.allocations, width)
        self._allocations = world.allocations
        self._show("#node-titles", node_line.titles(self._node_columns))
        most = max(3, self.size.height // 6)
        self.nodes.styles.height = min(max(len(nodes), 1), most)
        self.nodes.empty = "no nodes: `kohakuriver up` makes this machine one"
        self.nodes.show(world.node_keys())
        shown = world.vps_keys(self._words, self._order)
        objects = [vps for key in shown if (vps := world.vpses.objects.get(key)) is not None]
        self._alike = alike(objects)
        self._vps_columns = vps_line.columns(objects, width, with_namespace=self._namespace is None)
        self._show("#vps-titles", vps_line.titles(self._vps_columns))
        there = len(world.vpses.objects)
        self.vpses.empty = (
            f"none of {there} match; Esc shows all"
            if there
            else "no VPSes: `kohakuriver vps create` makes one"
        )
        self.vpses.show(shown)

    def _draw_detail(self) -> None:
        panel, vps = self.query_one("#detail", Static), self.selected
        panel.styles.height = 6 if self.size.height < 36 else 11
        if vps is None:
            panel.border_title = ""
            panel.update("")
            return
        phase = vps_line.mark(found := VPS.of(vps).word) + " " + found
        panel.border_title = f"{vps['metadata']['name']}  {phase}"
        room = (self.size.width - 2, (6 if self.size.height < 36 else 11) - 1)
        events = self.world.events_of(vps)
        node, now = self.world.node_of(vps), self.clock.now()
        lines = detail.lines(vps, node, events, now, room=room, reader=self._reader)
        panel.update(Text("\n").join(painting.text(one, self._tones) for one in lines))

    def _top(self) -> Line:
        where = self._connection.context or self._connection.server
        order = "" if self._order == ORDERS[0] else self._order
        return heading.heading(
            self.world,
            [where, self._namespace or "all namespaces"],
            words=self._words,
            order=order,
            forwards=len(self.hands.forwards.open),
        )

    def _node_line(self, key: ObjectKey) -> Line:
        node = self.world.nodes.objects.get(key)
        return node_line.line(node, self._allocations, self._node_columns) if node else []

    def _vps_line(self, key: ObjectKey) -> Line:
        vps = self.world.vpses.objects.get(key)
        if vps is None:
            return []
        said = self._alike.get(str(vps["metadata"]["uid"]), "")
        return vps_line.line(vps, self._vps_columns, self.clock.now(), alike=said, used=self.using.of(vps))

    def _show(self, where: str, words: Line) -> None:
        self.query_one(where, Static).update(painting.text(cut(words, self.size.width - 2), self._tones))

    async def _use_of(self, vps: Object) -> dict[str, Any]:
        return await stats(Target(self._settings, vps))

    def _in_sight(self) -> list[Object]:
        """The VPSes that can be seen; none while something else covers them."""
        if len(self.screen_stack) > 1 or self.hands.is_outside or not self.world.is_known:
            return []
        found = map(self.world.vpses.objects.get, self.vpses.in_sight())
        return [vps for vps in found if vps is not None]

    # What is selected.

    @property
    def selected(self) -> Object | None:
        """The VPS under the cursor."""
        key = self.vpses.key
        return self.world.vpses.objects.get(key) if key is not None and self.world.is_known else None

    def on_table_moved(self, message: Table.Moved) -> None:
        if message.table is self.vpses:
            vps = self.selected
            if vps is not None and vps["metadata"]["uid"] != self._about:
                self._about = vps["metadata"]["uid"]
                self.run_worker(self.world.follow_events(vps), exclusive=True, group="events")
            self._draw_detail()

    def on_table_chosen(self) -> None:
        self.action_describe()

    def on_resize(self, event: events.Resize) -> None:
        self.mark()

    # Keys.

    def action_keys(self) -> None:
        self.push_screen(Keys(keys.SECTIONS))

    async def action_quit(self) -> None:
        await self.hands.forwards.aclose()
        self.exit(0)

    def action_order(self) -> None:
        self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self.redraw()

    def action_add(self) -> None:
        self.hands.add(self._namespace or self._connection.namespace)

    def action_namespace(self) -> None:
        """Another one, or all of them."""
        question = "Which namespace? An empty line: all of them. Esc: stay."
        self.push_screen(Namespaces(question, self._namespace or ""), self._look_at)

    def _look_at(self, namespace: str | None) -> None:
        if namespace is not None and (namespace or None) != self._namespace:
            self._namespace, self._about = namespace or None, ""
            self.world = self._world()
            self.vpses.show(())
            self.run_worker(self.world.run(), exclusive=True, group="world")
            self.redraw()

    def action_filter(self) -> None:
        self.query_one("#filter").add_class("shown")
        self.query_one("#words", Input).focus()

    def action_no_filter(self) -> None:
        self.query_one("#words", Input).value = ""
        self._close_filter()

    @on(Input.Changed, "#words")
    def _refilter(self, event: Input.Changed) -> None:
        self._words = event.value
        self.redraw()

    @on(Input.Submitted, "#words")
    def _filtered(self) -> None:
        self._close_filter()

    def _close_filter(self) -> None:
        self.query_one("#filter").set_class(False, "shown")
        self.vpses.focus()
        self.redraw()

    def action_describe(self) -> None:
        table = self.nodes if self.focused is self.nodes else self.vpses
        key, page = table.key, describing.node if table is self.nodes else describing.vps
        if key is not None and self.world.is_known:
            heading = f"{'node' if table is self.nodes else 'vps'}/{key.name}"
            self.push_screen(Page(heading, lambda: page(self.world, key, self.clock.now())))

    def action_take(self, what: str) -> None:
        vps = self.selected
        if vps is not None:
            self.hands.take(what, vps)

    def action_forwards(self) -> None:
        self.push_screen(Listing(self.hands.forwards))
