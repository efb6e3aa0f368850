"""The one arithmetic of placement: what a VPS asks for, what a node has, and whether the one fits there.

The controller foresees with it, the API server decides with it inside its transactions, and the agent judges
mounts by it. Pure: no I/O, no clock, and it knows no program.

request      what a VPS asks of a node
node         what a node has to give
origin       the Snapshot that a VPS begins from, and on which node that is
booking      what is held of a node, as records, grants and containers say it
room         what is left
fits         whether a request fits there, what it would get, or what is lacking
cores, gpus, ports, mounts   the rules of each
"""
