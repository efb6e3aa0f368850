"""Keeps VPSes from each other, from their node and its neighbours, by rules in chains of our own.

The engine keeps bridges apart, and containers of one bridge with `icc` off. What it leaves open are the
node's own ports (every address of the node is reached through INPUT), what is published there, and, before
its version 28, each published port to whoever has a route to the bridge, also what is published on loopback
alone. Two chains per cluster close it, called from FORWARD and INPUT of the table `mangle` before anything
that lets packets through and is not ours. Not in `filter`: the engine takes the way to its DOCKER-USER away
for a moment whenever a network comes or goes. What `mangle` drops no later table sees, and a redirection
(DNAT) has been made by then.

    forwarded to our bridge     from elsewhere: dropped, but what the engine redirected (DNAT) because it came
                                to a published port at an address that is not loopback, and answers
    forwarded from our bridge   to each other, to published ports, to what closed.py names: dropped, but
                                questions to a cloud's nameserver
    to the node itself          all dropped but answers, and questions to a nameserver that is the node itself

Where Policies speak of networks, what is forwarded from our bridge goes by the port it came in at, which no
VPS can forge, to a chain of its own for each way out there is; what comes in at any other port is denied what
any Policy denies. `deny` stands before all but answers to what came from elsewhere, so that it ends what is
open too.

DNS comes through the engine's resolver, which asks the node's nameserver from the container's namespace.

Looked at with every list of the engine and mended when somebody else's rules took them away, or came before
them. What earlier versions wrote into `filter` is removed once these stand. What else leaves for the outside
network is not looked at. Where it cannot be done, that is said, and VPSes run all the same.
"""

import asyncio
import dataclasses
import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from kohakuriver.agent.deciding.egress import Way, Ways
from kohakuriver.agent.machine import closed
from kohakuriver.agent.machine.closed import Place, Servers
from kohakuriver.agent.runtime.firewall import TABLE, Firewall, FirewallError, without

log = logging.getLogger(__name__)

PREFIX: Final = "KOHAKURIVER-"
_LOOPBACK: Final = "127.0.0.0/8"
_HARMLESS: Final = frozenset(  # targets after which a packet is dropped, or meets the next rule
    {"DROP", "LOG", "NFLOG", "MARK", "CONNMARK", "TCPMSS", "DSCP", "TOS", "TTL", "CHECKSUM"}
)
_CONTESTED: Final = 3  # steps in a row that had to mend: not an accident any more
_REPLIES: Final = "-m conntrack --ctstate RELATED,ESTABLISHED --ctdir REPLY -j RETURN"
_ANSWERS: Final = "-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN"


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the rules stand, and why not."""

    ok: bool
    reason: str
    message: str


@dataclasses.dataclass(frozen=True, slots=True)
class Chain:
    """One chain of ours, the built-in chain that calls it, if any, and its rules as iptables prints them."""

    name: str
    parent: str | None
    rules: tuple[str, ...]


class Egress(Protocol):
    """Who knows the way out of each VPS."""

    async def ways(self, bridge: str) -> Ways | None:
        """As of now; None where no Policy speaks of networks."""
        ...


class Isolation:
    """The rules of one cluster on this node."""

    def __init__(
        self,
        firewall: Firewall,
        *,
        cluster: str,
        resolvers: Callable[[], Sequence[str]] = tuple,
        nameservers: Callable[[], Sequence[str]] = tuple,
        servers: Servers | None = None,
        egress: Egress | None = None,
    ) -> None:
        """`nameservers` are all that the engine asks, `resolvers` those of them that are the node itself."""
        self.verdict: Verdict | None = None  # None: not looked at yet
        self._firewall = firewall
        self._cluster = cluster
        self._resolvers = resolvers
        self._nameservers = nameservers
        self._servers = servers or Servers()
        self._egress = egress
        self._one_step = asyncio.Lock()
        self._wanted: tuple[Chain, ...] = ()
        self._mended = 0  # steps in a row
        self._is_tidy = False  # nothing of an earlier version is left

    async def step(self, bridge: str) -> None:
        """Bring the rules up to what they must be."""
        async with self._one_step:
            await self._step(bridge)

    async def _step(self, bridge: str) -> None:
        try:
            await self._firewall.tame(bridge)
            await self._stand(
                wanted(
                    self._cluster,
                    bridge,
                    await asyncio.to_thread(self._resolvers),
                    nameservers=await asyncio.to_thread(self._nameservers),
                    servers=await self._servers.places(),
                    ways=await self._egress.ways(bridge) if self._egress is not None else None,
                )
            )
            await self._tidy()
            verdict = _contested() if self._mended >= _CONTESTED else Verdict(True, "RulesStand", "")
        except FirewallError as error:
            words = f"VPSes can reach this node and each other, and its neighbours them: {error.message}"
            verdict = Verdict(False, error.reason, f"{words} ({error.hint})" if error.hint else words)
        if verdict != self.verdict and not verdict.ok:
            log.warning("VPSes are not isolated", extra={"reason": verdict.reason, "why": verdict.message})
        self.verdict = verdict

    async def _stand(self, chains: tuple[Chain, ...]) -> None:
        """See the rules stand, and write them where they do not. Raises FirewallError."""
        change = repair(await self._firewall.rules(), chains)
        self._mended = self._mended + 1 if change and chains == self._wanted else 0
        self._wanted = chains
        if not change:
            return
        await self._firewall.change(change)
        log.info("network rules written")
        if repair(await self._firewall.rules(), chains):
            raise FirewallError(
                "RulesDoNotStand",
                "what is written is gone at once, or something else is put before it",
                hint=f"see what: iptables -t {TABLE} -S",
            )

    async def _tidy(self) -> None:
        """Remove what earlier versions had in the filter table: it does no harm, so a failure may wait."""
        if self._is_tidy:
            return
        try:
            if text := without(await self._firewall.rules("filter"), chains(self._cluster), "filter"):
                await self._firewall.change(text)
            self._is_tidy = True
        except FirewallError as error:
            log.warning("old network rules not removed", extra={"why": error.message})


def _contested() -> Verdict:
    words = (
        f"something took the rules of VPSes away, or put its own before them, {_CONTESTED} times in a row; "
        "they were written again each time, but do not stand in between (find what it is, and have it leave "
        f"{PREFIX} chains first in FORWARD and INPUT of the table {TABLE})"
    )
    return Verdict(False, "RulesContested", words)


def chains(cluster: str) -> tuple[str, str]:
    """The names of the cluster's chains: for what is forwarded, and for what is meant for the node."""
    return _chain(cluster, "FWD"), _chain(cluster, "IN")


def wanted(
    cluster: str,
    bridge: str,
    resolvers: Sequence[str] = (),
    *,
    nameservers: Sequence[str] = (),
    servers: Sequence[Place] = (),
    ways: Ways | None = None,
) -> tuple[Chain, ...]:
    """What must stand for VPSes on this bridge, where these nameservers are the node itself, and the engine
    asks those; what answers at these places is the cluster's own. Who is called stands before who calls."""
    forwarded, local = chains(cluster)
    inward = f"! -i {bridge} -o {bridge}"
    inwards = (
        f"{inward} -m conntrack --ctorigdst {_LOOPBACK} -j DROP",
        f"{inward} -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP",
        f"-i {bridge} {_ANSWERS if ways is None else _REPLIES}",
        f"-i {bridge} -o {bridge} -j DROP",
        f"-i {bridge} -m conntrack --ctstate DNAT -j DROP",
    )
    default = (
        *_questions(bridge, filter(closed.is_metadata, nameservers)),
        *(f"-d {network} -i {bridge} -j DROP" for network in closed.METADATA),
        *(f"-d {at}/32 -i {bridge} -p tcp -m tcp --dport {port} -j DROP" for at, port in servers),
    )
    parts: tuple[Chain, ...] = ()
    if ways is not None:
        usual = _chain(cluster, "OUT")
        parts = (Chain(usual, None, default), *(_way(cluster, way, usual) for way in ways.all))
        default = (
            *(
                f"-i {bridge} -m physdev --physdev-in {port} -g {_chain_of(cluster, way)}"
                for port, way in ways.ports
            ),
            f"-i {bridge} -g {_chain_of(cluster, ways.others)}",
        )
    return (
        *parts,
        Chain(forwarded, "FORWARD", (*inwards, *default)),
        Chain(
            local,
            "INPUT",
            (f"-i {bridge} {_ANSWERS}", *_questions(bridge, resolvers), f"-i {bridge} -j DROP"),
        ),
    )


def _way(cluster: str, way: Way, usual: str) -> Chain:
    """What a way out denies and allows, and then the default. A chain is gone to, so that it returns to who
    called the first one."""
    rules = (
        *(f"{_to(network)}-j DROP" for network in way.deny),
        *(f"{_to(network)}-j RETURN" for network in way.allow),
        f"-g {usual}",
    )
    return Chain(_chain_of(cluster, way), None, rules)


def _to(network: str) -> str:
    return "" if network == "0.0.0.0/0" else f"-d {network} "


def _chain_of(cluster: str, way: Way) -> str:
    """Named by what is in it, as iptables takes no more than 28 characters."""
    return _chain(cluster, hashlib.sha256(repr((way.deny, way.allow)).encode()).hexdigest()[:7])


def _chain(cluster: str, part: str) -> str:
    return f"{PREFIX}{cluster[:8]}-{part}"


def _questions(bridge: str, nameservers: Iterable[str]) -> tuple[str, ...]:
    return tuple(
        f"-d {address}/32 -i {bridge} -p {protocol} -m {protocol} --dport 53 -j RETURN"
        for address in nameservers
        for protocol in ("udp", "tcp")
    )


def repair(listing: Sequence[str], wanted: Sequence[Chain]) -> str:
    """The change that makes the listing hold the chains, called first, and no others of the cluster's; empty
    where it does."""
    there, names = _chains(listing, wanted[-1].name), {chain.name for chain in wanted}
    lines: list[str] = []
    for chain in wanted:
        rules = tuple(_rules(listing, chain.name))
        if rules != chain.rules or chain.name not in there:
            lines.append(f":{chain.name} - [0:0]")
            lines += [f"-A {chain.name} {rule}" for rule in chain.rules]
    for chain in wanted:
        if chain.parent is None:
            continue
        calls, jump = _rules(listing, chain.parent), f"-j {chain.name}"
        if not _is_called_first(calls, jump):
            lines += [f"-D {chain.parent} {jump}" for call in calls if call == jump]
            lines.append(f"-I {chain.parent} 1 {jump}")
    old = [name for name in there if name not in names]
    lines += [*(f"-F {name}" for name in old), *(f"-X {name}" for name in old)]
    return "\n".join([f"*{TABLE}", *lines, "COMMIT", ""]) if lines else ""


def _chains(listing: Sequence[str], name: str) -> list[str]:
    """The chains there are of the cluster that has one of this name."""
    start = f"-N {name.rpartition('-')[0]}-"
    return [line.removeprefix("-N ") for line in listing if line.startswith(start)]


def _is_called_first(calls: Sequence[str], jump: str) -> bool:
    """Whether only clusters' chains, which do not push each other away, and what lets nothing past us stand
    before it."""
    if calls.count(jump) != 1:
        return False
    before = [call.rpartition("-j ")[2].split()[0] for call in calls[: calls.index(jump)]]
    return all(target in _HARMLESS or target.startswith(PREFIX) for target in before)


def _rules(listing: Sequence[str], chain: str) -> list[str]:
    start = f"-A {chain} "
    return [line.removeprefix(start) for line in listing if line.startswith(start)]
