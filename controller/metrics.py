"""Counters and gauges of one controller, served as Prometheus reads them where `--metrics-listen` says."""

import prometheus_client


class Metrics:
    """What is counted."""

    def __init__(self) -> None:
        self.registry = prometheus_client.CollectorRegistry()
        self.bound = prometheus_client.Counter(
            "kohakuriver_controller_bound", "VPSes given to a node", registry=self.registry
        )
        self.refused = prometheus_client.Counter(
            "kohakuriver_controller_bind_failures",
            "Binds that were refused or whose outcome is unknown",
            ["reason"],
            registry=self.registry,
        )
        self.pending = prometheus_client.Gauge(
            "kohakuriver_controller_pending", "VPSes that wait for a node", registry=self.registry
        )
        self.lost_nodes = prometheus_client.Gauge(
            "kohakuriver_controller_lost_nodes", "Nodes marked silent", registry=self.registry
        )
        self.leading = prometheus_client.Gauge(
            "kohakuriver_controller_leading", "1 while this controller leads", registry=self.registry
        )

    def render(self) -> bytes:
        """All of it as Prometheus reads it."""
        return prometheus_client.generate_latest(self.registry)
