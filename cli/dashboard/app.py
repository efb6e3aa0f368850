"""The dashboard put together: nodes above, VPSes below, events of the selected one at the bottom; the keys.

What changes marks the screen as out of date; it is drawn a few times a second at most, however much changes.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from rich.text import Text
from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.filter import LineFilter
from textual.widgets import Input, Label, Static

from kohakuriver.cli.dashboard import describing, detail, keys, node_line, painting, vps_line
from kohakuriver.cli.dashboard.hands import Hands
from kohakuriver.cli.dashboard.line import Line, Piece, Tone, cut, joined
from kohakuriver.cli.dashboard.listing import Listing
from kohakuriver.cli.dashboard.page import Page
from kohakuriver.cli.dashboard.table import Table
from kohakuriver.cli.dashboard.world import ORDERS, World
from kohakuriver.cli.harmless import HARMLESS
from kohakuriver.cli.ide.keys import Keys
from kohakuriver.cli.settings import Settings
from kohakuriver.cli.vps import standing
from kohakuriver.cli.vps.standing import Reader
from kohakuriver.client.watch import ObjectKey
from kohakuriver.clock import Clock, SystemClock

Object = dict[str, Any]

_COALESCED: Final = 0.1  # seconds that changes are gathered before they are drawn
_TICK: Final = 2.0  # seconds after which ages are drawn anew
_THEME: Final = "tokyo-night"


class Dashboard(App[int]):
    """Ends with 0."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1", "keys", "Keys"),
        Binding("q,ctrl+q,ctrl+c", "quit", "Quit"),
        Binding("slash", "filter", "Filter"),
        Binding("escape", "no_filter", "No filter"),
        Binding("o", "order", "Order"),
        Binding("d,enter", "describe", "Describe"),
        Binding("c", "take('connect')", "Connect"),
        Binding("l", "take('logs')", "Logs"),
        Binding("f", "take('forward')", "Forward"),
        Binding("F", "forwards", "Forwarded ports"),
        Binding("s", "take('stop')", "Stop"),
        Binding("t", "take('start')", "Start"),
        Binding("p", "take('pause')", "Pause"),
        Binding("u", "take('resume')", "Resume"),
        Binding("r", "take('restart')", "Restart"),
        Binding("x,delete", "take('delete')", "Delete"),
    ]
    CSS = """
    .line { height: 1; padding: 0 1; }
    #top { background: $primary-muted; color: $text; }
    .titles { color: $text-muted; }
    #nodes { height: 3; }
    #vps-titles { margin-top: 1; }
    #filter { height: 1; display: none; background: $panel; padding: 0 1; }
    #filter.shown { display: block; }
    #filter Label { width: auto; color: $text-accent; }
    #filter Input { width: 1fr; padding: 0 1; background: $panel; }
    #detail { height: 6; border-top: solid $panel; border-title-color: $text; padding: 0 1; }
    Button:focus:nocolor { text-style: bold reverse; }
    #keys { background: $panel; color: $text-muted; }
    """

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
        self.world = World(
            self._connection,
            namespace=namespace,
            selector=selector,
            clock=self.clock,
            timeout=settings.request_timeout,
            changed=self.mark,
        )
        self._order = ORDERS[0]
        self._words = ""
        self._is_marked = False
        self._about = ""  # the uid of the VPS below the tables
        self._tones: painting.Tones = {}

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
        self.run_worker(self.world.run())
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
        phase = vps_line.mark(found := standing.phase(vps)) + " " + found
        panel.border_title = f"{vps['metadata']['name']}  {phase}"
        room = (self.size.width - 2, (6 if self.size.height < 36 else 11) - 1)
        events = self.world.events_of(vps)
        node, now = self.world.node_of(vps), self.clock.now()
        lines = detail.lines(vps, node, events, now, room=room, reader=self._reader)
        panel.update(Text("\n").join(painting.text(one, self._tones) for one in lines))

    def _top(self) -> Line:
        world = self.world
        where = self._connection.context or self._connection.server
        left = [Piece(where, Tone.TITLE), Piece(self._namespace or "all namespaces", Tone.TITLE)]
        if world.trouble:
            return joined([Piece("reconnecting…", Tone.WARN), Piece(world.trouble, Tone.FAINT)])
        if not world.is_known:
            return joined([*left, Piece("connecting…", Tone.FAINT)])
        counts = [f"{count} {phase}" for phase, count in vps_line.counts(list(world.vpses.objects))]
        if self._words:
            left.append(Piece(f"/{self._words}", Tone.BUSY))
        if self._order != ORDERS[0]:
            left.append(Piece(f"by {self._order}", Tone.BUSY))
        if self.hands.forwards.open:
            left.append(Piece(f"{len(self.hands.forwards.open)} forwarded", Tone.BUSY))
        return joined([*left, Piece(" · ".join(counts))])

    def _node_line(self, key: ObjectKey) -> Line:
        node = self.world.nodes.objects.get(key)
        return node_line.line(node, self._allocations, self._node_columns) if node else []

    def _vps_line(self, key: ObjectKey) -> Line:
        vps = self.world.vpses.objects.get(key)
        return vps_line.line(vps, self._vps_columns, self.clock.now()) if vps else []

    def _show(self, where: str, words: Line) -> None:
        self.query_one(where, Static).update(painting.text(cut(words, self.size.width - 2), self._tones))

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
