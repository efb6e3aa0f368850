"""What every `Firewall` must do. test_isolation.py and test_isolation_docker.py run it on both."""

import re
import uuid
from collections.abc import Sequence

import pytest

from kohakuriver.agent.deciding.egress import Way, Ways
from kohakuriver.agent.machine.isolation import chains, repair, wanted
from kohakuriver.agent.runtime.firewall import Firewall, FirewallError, without

# What other clusters and engines write, whose tests run on this machine at the same time.
NEIGHBOURS = re.compile(r"KOHAKURIVER-|DOCKER|docker0|\bbr-")


def settled(rules: Sequence[str], cluster: str, bridge: str) -> list[str]:
    """The rules, but for those of neighbours: they come and go."""
    ours = (*chains(cluster), bridge)
    return [line for line in rules if any(word in line for word in ours) or not NEIGHBOURS.search(line)]


class FirewallContract:
    """Subclasses have fixtures `firewall` and `cluster`, whose chains they remove."""

    @pytest.fixture
    def cluster(self) -> str:
        return uuid.uuid4().hex

    @pytest.fixture
    def bridge(self, cluster: str) -> str:
        return f"br-{cluster[:12]}"  # which is not there

    async def test_rules_that_were_written_are_read_back_word_for_word(
        self, firewall: Firewall, cluster: str, bridge: str
    ) -> None:
        rules = wanted(
            cluster,
            bridge,
            ["10.0.0.5"],
            nameservers=["168.63.129.16"],
            servers=[("10.0.0.1", "2379:2380"), ("10.0.0.1", "6443")],
        )
        await firewall.change(repair(await firewall.rules(), rules))
        assert repair(await firewall.rules(), rules) == ""

    async def test_ways_out_are_read_back_word_for_word_and_old_ones_go(
        self, firewall: Firewall, cluster: str, bridge: str
    ) -> None:
        red, blue = Way(deny=("10.0.0.0/8", "192.0.2.1/32")), Way(allow=("10.0.0.1/32",), deny=("0.0.0.0/0",))
        before = await firewall.rules()
        for ways in (
            Ways((("vethA", red), ("vethB", red), ("vethC", blue)), red),
            Ways((("vethA", Way()),), blue),
            Ways((), Way()),
            None,
        ):
            rules = wanted(
                cluster,
                bridge,
                nameservers=["168.63.129.16"],
                servers=[("10.0.0.1", "2379:2380")],
                ways=ways,
            )
            await firewall.change(repair(await firewall.rules(), rules))
            listing = await firewall.rules()
            assert repair(listing, rules) == ""
            found = [line for line in listing if line.startswith(f"-N {chains(cluster)[0][:-3]}")]
            assert len(found) == len(rules), "the chains of ways that nobody has any more are gone"
        await firewall.change(without(await firewall.rules(), chains(cluster)))
        assert settled(await firewall.rules(), cluster, bridge) == settled(before, cluster, bridge)

    async def test_what_is_removed_while_there_are_ways_out_leaves_nothing_behind(
        self, firewall: Firewall, cluster: str, bridge: str
    ) -> None:
        before = await firewall.rules()
        ways = Ways((("vethA", Way(deny=("10.0.0.0/8",))),), Way())
        await firewall.change(repair(before, wanted(cluster, bridge, ways=ways)))
        await firewall.change(without(await firewall.rules(), chains(cluster)))
        assert settled(await firewall.rules(), cluster, bridge) == settled(before, cluster, bridge)

    async def test_rules_that_somebody_took_away_are_written_again(
        self, firewall: Firewall, cluster: str, bridge: str
    ) -> None:
        rules = wanted(cluster, bridge)
        forwarded, local = chains(cluster)
        await firewall.change(repair(await firewall.rules(), rules))
        await firewall.change(f"*mangle\n-D INPUT -j {local}\n-F {forwarded}\nCOMMIT\n")
        await firewall.change(repair(await firewall.rules(), rules))
        assert repair(await firewall.rules(), rules) == ""

    async def test_a_rule_put_before_ours_is_put_behind(
        self, firewall: Firewall, cluster: str, bridge: str
    ) -> None:
        rules = wanted(cluster, bridge)
        _, local = chains(cluster)
        await firewall.change(repair(await firewall.rules(), rules))
        await firewall.change(f"*mangle\n-I INPUT 1 -i {bridge} -j ACCEPT\nCOMMIT\n")
        try:
            await firewall.change(repair(await firewall.rules(), rules))
            calls = [line for line in await firewall.rules() if line.startswith("-A INPUT ")]
            assert calls.index(f"-A INPUT -j {local}") < calls.index(f"-A INPUT -i {bridge} -j ACCEPT")
        finally:
            await firewall.change(f"*mangle\n-D INPUT -i {bridge} -j ACCEPT\nCOMMIT\n")

    async def test_what_lets_nothing_past_ours_may_stand_before_them(
        self, firewall: Firewall, cluster: str, bridge: str
    ) -> None:
        rules = wanted(cluster, bridge)
        await firewall.change(repair(await firewall.rules(), rules))
        first = [f"-o {bridge} -j DROP", f"-o {bridge} -j MARK --set-xmark 0x1/0xffffffff"]
        try:
            for rule in first:
                await firewall.change(f"*mangle\n-I FORWARD 1 {rule}\nCOMMIT\n")
                assert repair(await firewall.rules(), rules) == ""
        finally:
            gone = (f"-D FORWARD {rule}" for rule in first)
            await firewall.change("\n".join(["*mangle", *gone, "COMMIT", ""]))

    async def test_what_an_earlier_version_had_in_the_filter_table_goes(
        self, firewall: Firewall, cluster: str, bridge: str
    ) -> None:
        names = chains(cluster)
        old = [f":{name} - [0:0]" for name in names] + [
            f"-A {names[0]} -i {bridge} -j DROP",
            f"-I FORWARD 1 -j {names[0]}",
            f"-I INPUT 1 -j {names[1]}",
        ]
        before = await firewall.rules("filter")
        await firewall.change("\n".join(["*filter", *old, "COMMIT", ""]))
        assert any(names[0] in line for line in await firewall.rules("filter"))
        await firewall.change(without(await firewall.rules("filter"), names, "filter"))
        assert settled(await firewall.rules("filter"), cluster, bridge) == settled(before, cluster, bridge)

    async def test_two_clusters_leave_each_other_in_place(
        self, firewall: Firewall, cluster: str, bridge: str
    ) -> None:
        other = uuid.uuid4().hex
        try:
            for one in (cluster, other):
                await firewall.change(repair(await firewall.rules(), wanted(one, bridge)))
            listing = await firewall.rules()
            assert [repair(listing, wanted(one, bridge)) for one in (cluster, other)] == ["", ""]
        finally:
            await firewall.change(without(await firewall.rules(), chains(other)))

    async def test_what_is_removed_leaves_nothing_behind(
        self, firewall: Firewall, cluster: str, bridge: str
    ) -> None:
        before = await firewall.rules()
        await firewall.change(repair(before, wanted(cluster, bridge)))
        await firewall.change(without(await firewall.rules(), chains(cluster)))
        assert settled(await firewall.rules(), cluster, bridge) == settled(before, cluster, bridge)
        assert without(before, chains(cluster)) == ""

    async def test_a_change_that_cannot_be_made_whole_changes_nothing(
        self, firewall: Firewall, cluster: str, bridge: str
    ) -> None:
        before = await firewall.rules()
        with pytest.raises(FirewallError):
            await firewall.change("*mangle\n-I INPUT 1 -i nowhere -j ACCEPT\n-F KOHAKURIVER-NONE\nCOMMIT\n")
        assert settled(await firewall.rules(), cluster, bridge) == settled(before, cluster, bridge)
