"""The keys of the dashboard: what they do, what `?` shows, and what the last line reminds of."""

from typing import Final

from textual.binding import Binding, BindingType

BINDINGS: Final[list[BindingType]] = [
    Binding("question_mark,f1", "keys", "Keys"),
    Binding("q,ctrl+q,ctrl+c", "quit", "Quit"),
    Binding("slash", "filter", "Filter"),
    Binding("escape", "no_filter", "No filter"),
    Binding("o", "order", "Order"),
    Binding("n", "namespace", "Namespace"),
    Binding("a", "add", "Add"),
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
SECTIONS: Final = (
    (
        "Look",
        (
            ("↑ ↓ j k", "to another one; PgUp, PgDn, Home, End"),
            ("Tab", "to the nodes, and back to the VPSes"),
            ("/", "filter by words (!word: without it); Esc: all"),
            ("n", "another namespace, or all"),
            ("o", "order by name, status, node, age"),
            ("Enter, d", "describe the VPS, or the node"),
        ),
    ),
    (
        "Do",
        (
            ("c", "connect: a terminal in the VPS"),
            ("a", "add a VPS: name, cores, memory, image"),
            ("l", "logs of its main process"),
            ("f, F", "forward a port of it; those forwarded"),
            ("s, t", "stop it; start it"),
            ("p, u", "pause it; resume it"),
            ("r", "restart it"),
            ("x, Delete", "delete it with its files"),
            ("q, Ctrl-Q", "quit; forwarded ports end with it"),
        ),
    ),
)
HINT: Final = (
    ("Enter", "describe"),
    ("c", "connect"),
    ("/", "filter"),
    ("q", "quit"),
    ("a", "add"),
    ("s", "stop"),
    ("t", "start"),
    ("l", "logs"),
    ("f", "forward"),
    ("n", "namespace"),
    ("x", "delete"),
    ("r", "restart"),
    ("o", "order"),
    ("Tab", "nodes"),
    ("?", "keys"),
)
"""The first that fit, and always the last."""
