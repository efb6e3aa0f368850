"""The keys of the dashboard: what `?` shows, and what the last line reminds of."""

from typing import Final

SECTIONS: Final = (
    (
        "Look",
        (
            ("↑ ↓ j k", "to another VPS; PgUp, PgDn, Home, End"),
            ("Tab", "to the nodes, and back to the VPSes"),
            ("/", "filter: words of names, nodes, phases, labels; !word: without"),
            ("Esc", "no filter any more"),
            ("o", "another order: by name, status, node, age"),
            ("Enter, d", "describe the VPS, or the node"),
        ),
    ),
    (
        "Everywhere",
        (
            ("?, F1", "these keys"),
            ("q, Ctrl-Q", "quit"),
        ),
    ),
)
HINT: Final = (
    ("Enter", "describe"),
    ("/", "filter"),
    ("o", "order"),
    ("Tab", "nodes"),
    ("?", "keys"),
    ("q", "quit"),
)
