"""What this process counts of itself, in Prometheus' text form: requests, their time, watches, the cache."""

import itertools
from collections.abc import Iterator

import prometheus_client
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kohakuriver.apiserver.cache.cache import Cache
from kohakuriver.apiserver.cache.kindcache import KindCache
from kohakuriver.apiserver.expiry import Expiry
from kohakuriver.apiserver.quota import usage

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
MOST_QUOTAS = 1000  # that are shown, by namespace: each is a dozen lines
CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST


class Metrics:
    """One registry per server, so that several live side by side in one test."""

    def __init__(self, cache: Cache) -> None:
        self.registry = prometheus_client.CollectorRegistry()
        self.registry.register(_CacheCollector(cache))
        self.registry.register(_QuotaCollector(cache))
        prometheus_client.ProcessCollector(registry=self.registry)
        self._requests = prometheus_client.Counter(
            "kohakuriver_apiserver_requests",
            "Requests answered",
            ["verb", "resource", "code"],
            registry=self.registry,
        )
        self._seconds = prometheus_client.Histogram(
            "kohakuriver_apiserver_request_seconds",
            "Time from a request to its answer, watches left out",
            ["verb", "resource"],
            buckets=BUCKETS,
            registry=self.registry,
        )

    def watch_expiry(self, expiry: Expiry) -> None:
        self.registry.register(_ExpiryCollector(expiry))

    def answered(self, *, verb: str, resource: str, code: int, seconds: float) -> None:
        self._requests.labels(verb, resource, str(code)).inc()
        if verb != "watch":
            self._seconds.labels(verb, resource).observe(seconds)

    def render(self) -> bytes:
        return prometheus_client.generate_latest(self.registry)


class _CacheCollector(Collector):
    """The cache's numbers, read when somebody asks."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "kohakuriver_apiserver_cache_revision",
            "The store revision that the cache has come to",
            value=self._cache.revision,
        )
        yield GaugeMetricFamily(
            "kohakuriver_apiserver_ready",
            "1 while lists and watches are served",
            value=float(self._cache.ready),
        )
        for name, help_text, number in (
            ("objects", "Objects in the cache", _objects),
            ("watchers", "Open watches", _watchers),
            ("history_events", "Events kept for watches that resume", _events),
        ):
            family = GaugeMetricFamily(f"kohakuriver_apiserver_{name}", help_text, labels=["resource"])
            for resource, kind in self._cache.kinds.items():
                family.add_metric([resource.plural], number(kind))
            yield family


class _QuotaCollector(Collector):
    """What ResourceQuotas limit, and what of it is taken."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "kohakuriver_resourcequota",
            "What a ResourceQuota limits (hard), and what is taken (used): cores, bytes or pieces",
            labels=["namespace", "resourcequota", "resource", "type"],
        )
        stored, booked = self._cache.stored, self._cache.booked
        quotas = ((namespace, one) for namespace in stored.namespaces() for one in stored.quotas(namespace))
        for namespace, one in itertools.islice(quotas, MOST_QUOTAS):
            taken = usage.taken(booked.of(namespace), stored.used(namespace))
            for resource, most in one.limits.items():
                for type_, amount in (("hard", most), ("used", taken[resource])):
                    labels = [namespace, one.name, resource, type_]
                    family.add_metric(labels, usage.number(resource, amount))
        yield family


class _ExpiryCollector(Collector):
    """The days that are left to what this server was started with."""

    def __init__(self, expiry: Expiry) -> None:
        self._expiry = expiry

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "kohakuriver_apiserver_certificate_days_left",
            "Days until a certificate that this server was started with is over",
            labels=["certificate"],
        )
        for name, days in self._expiry.days().items():
            family.add_metric([name], days)
        yield family


def _objects(kind: KindCache) -> int:
    return len(kind)


def _watchers(kind: KindCache) -> int:
    return len(kind.watchers)


def _events(kind: KindCache) -> int:
    return len(kind.history)
