"""What it costs to say why, when hundreds of VPSes wait and each wants something else, and one node changes.

    python -m benchmarks.wishes [--nodes 1000 5000] [--wishes 250]

In one process, without a server: processor time of this thread. The floor is to ask every node about each
wish once, which is what a controller that keeps nothing has to do. *Longest* is the longest piece in which
nobody else gets a turn.
"""

import argparse
import random
import time
from collections.abc import Callable

from benchmarks._figures import table
from kohakuriver.controller.deciding import schedule
from kohakuriver.controller.deciding.view import NodeFacts, NodeView, VPSRequest
from kohakuriver.controller.fleet import Fleet
from kohakuriver.placement.booking import Booking
from kohakuriver.placement.room import room_of

GI = 1 << 30
CHANGED = Booking(1000, GI, None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1000, 5000])
    parser.add_argument("--wishes", type=int, default=250)
    options = parser.parse_args()
    rows = [("nodes", "", "all wishes", "longest", "of the floor")]
    for nodes in options.nodes:
        rows += _measure(nodes, options.wishes)
    table(f"{options.wishes} different wishes that no node fulfils", rows)


def _measure(nodes: int, wishes: int) -> list[tuple[str, ...]]:
    facts = [_facts(number) for number in range(nodes)]
    requests = [_request(number) for number in range(wishes)]
    fleet = Fleet()
    for node in facts:
        fleet.set_node(node.name, node)
    views = [room_of(node, {}) for node in facts]
    floor = [_seconds(lambda request=request: _ask_all(request, views)) for request in requests]
    first = [_seconds(lambda request=request: fleet.schedule(request)) for request in requests]
    fleet.set_bookings(facts[0].name, {"u": CHANGED}, revision=1)
    again = [_seconds(lambda request=request: fleet.schedule(request)) for request in requests]
    named = (("the floor", floor), ("the first time", first), ("after one node has changed", again))
    return [
        (
            f"{nodes:,}",
            what,
            f"{sum(found) * 1000:,.0f} ms",
            f"{max(found) * 1000:.1f} ms",
            f"{sum(found) / sum(floor):.2f}",
        )
        for what, found in named
    ]


def _ask_all(request: VPSRequest, views: list[NodeView]) -> None:
    schedule.explain(request, views)


def _seconds(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began


def _facts(number: int) -> NodeFacts:
    chance = random.Random(number)  # noqa: S311 - the same nodes each time
    memory = chance.randint(64, 256) * GI
    ports = range(30000, 30100)
    labels = {"rack": str(number % 20)}
    return NodeFacts(f"n{number:05}", labels=labels, cores=64_000, memory=memory, ports=ports)


def _request(number: int) -> VPSRequest:
    rack = (("rack", str(number % 20)),) if number % 2 else ()
    return VPSRequest(1000, (300 + number) * GI, image=f"i{number}", selector=rack, former=f"u{number}")


if __name__ == "__main__":
    main()
