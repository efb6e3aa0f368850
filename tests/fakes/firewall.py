"""A `Firewall` in memory, for tests: tables of chains and rules."""

from kohakuriver.agent.runtime.firewall import TABLE, FirewallError

BUILT_IN = ("INPUT", "FORWARD", "OUTPUT")


class FakeFirewall:
    """The tables of a machine with an engine."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, list[str]]] = {}
        self.tamed: list[str] = []
        self.failure: FirewallError | None = None
        self.changes = 0
        self.flush()

    @property
    def chains(self) -> dict[str, list[str]]:
        """Those of the table that ours are in."""
        return self.tables[TABLE]

    def flush(self) -> None:
        """Somebody reloads the machine's own rules and takes everything else away."""
        self.tables = {table: {name: [] for name in BUILT_IN} for table in (TABLE, "filter")}
        self.tables["filter"] |= {"FORWARD": ["-j DOCKER-USER"], "DOCKER-USER": ["-j RETURN"]}

    async def rules(self, table: str = TABLE) -> tuple[str, ...]:
        self._door()
        chains = self.tables[table]
        made = [f"-P {name} ACCEPT" for name in BUILT_IN]
        made += [f"-N {name}" for name in chains if name not in BUILT_IN]
        return tuple(made + [f"-A {name} {rule}" for name, rules in chains.items() for rule in rules])

    async def change(self, text: str) -> None:
        self._door()
        tables = {
            table: {name: list(rules) for name, rules in chains.items()}
            for table, chains in self.tables.items()
        }
        chains: dict[str, list[str]] = {}
        for line in text.splitlines():
            if line.startswith("*"):
                chains = tables[line[1:]]
            else:
                _apply(chains, line)
        self.tables = tables
        self.changes += 1

    async def tame(self, bridge: str) -> None:
        self._door()
        self.tamed.append(bridge)

    def _door(self) -> None:
        if self.failure is not None:
            raise self.failure


def _apply(table: dict[str, list[str]], line: str) -> None:
    """One line of a change. Raises FirewallError as the real one refuses."""
    if line.startswith(":") or line == "COMMIT":
        if line.startswith(":"):
            table[line[1:].split()[0]] = []
        return
    verb, name, *words = line.split()
    rules = table.get(name)
    if rules is None:
        raise FirewallError("Refused", f"there is no chain {name}")
    match verb:
        case "-A":
            rules.append(" ".join(words))
        case "-I":
            rules.insert(int(words[0]) - 1, " ".join(words[1:]))
        case "-D" if " ".join(words) in rules:
            rules.remove(" ".join(words))
        case "-F":
            rules.clear()
        case "-X":
            del table[name]
        case _:
            raise FirewallError("Refused", f"this cannot be done: {line}")
