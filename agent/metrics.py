"""What the agent counts, in Prometheus' form. Reads the parts when it is scraped; they know nothing of it."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kohakuriver.agent.loop import Agent

PREFIX = "kohakuriver_agent_"


class Metrics(Collector):
    """A collector over one agent."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def collect(self) -> Iterator[Metric]:
        agent = self._agent
        counters = {
            "relist_found": (
                "Changes that a list of containers found and no event had told of",
                agent.roster.missed,
            ),
            "watch_missed": (
                "Changes that a list of VPSes found and the watch had not told of",
                agent.watches.vpses.missed,
            ),
            "relists": ("Times all containers were read", agent.engine.lists),
            "statuses_written": ("Statuses written", agent.reporter.written),
            "status_failures": ("Status writes that failed", agent.reporter.failed),
            "renewals": ("Lease renewals", agent.heartbeat.renewed),
            "renewal_failures": ("Lease renewals that failed", agent.heartbeat.failed),
            "events_dropped": ("Events that could not be written", agent.recorder.dropped),
        }
        for name, (words, value) in counters.items():
            yield CounterMetricFamily(PREFIX + name, words, value=value)
        ready = float(agent.engine.ready)
        yield GaugeMetricFamily(
            PREFIX + "engine_ready", "Whether the container engine can be used", value=ready
        )
        yield GaugeMetricFamily(PREFIX + "vpses", "VPSes bound to this node", value=len(agent.watches.vpses))
