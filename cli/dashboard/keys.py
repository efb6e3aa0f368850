"""The keys of the dashboard: what `?` shows, and what the last line reminds of."""

from typing import Final

SECTIONS: Final = (
    (
        "Look",
        (
            ("↑ ↓ j k", "to another one; PgUp, PgDn, Home, End"),
            ("Tab", "to the nodes, and back to the VPSes"),
            ("/", "filter by words (!word: without it); Esc: all"),
            ("o", "order by name, status, node, age"),
            ("Enter, d", "describe the VPS, or the node"),
        ),
    ),
    (
        "Do",
        (
            ("c", "connect: a terminal in the VPS"),
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
    ("l", "logs"),
    ("f", "forward"),
    ("s", "stop"),
    ("t", "start"),
    ("/", "filter"),
    ("q", "quit"),
    ("r", "restart"),
    ("x", "delete"),
    ("o", "order"),
    ("Tab", "nodes"),
    ("?", "keys"),
)
