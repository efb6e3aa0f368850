"""A `Firewall` in memory, for tests: chains and rules, and the engine's habits with them."""

from agent.runtime.firewall import FirewallError


class FakeFirewall:
    """The filter table of a machine with an engine."""

    def __init__(self) -> None:
        self.chains: dict[str, list[str]] = {"INPUT": [], "FORWARD": [], "OUTPUT": []}
        self.policies = dict.fromkeys(self.chains, "ACCEPT")
        self.tamed: list[str] = []
        self.failure: FirewallError | None = None
        self.changes = 0
        self.engine_starts()

    def engine_starts(self) -> None:
        """An engine makes its chains again; DOCKER-USER keeps what is in it."""
        self.chains.setdefault("DOCKER-USER", ["-j RETURN"])
        self.chains["FORWARD"] = ["-j DOCKER-USER"]

    def flush(self) -> None:
        """Somebody reloads the machine's own rules and takes everything else away."""
        self.chains = {"INPUT": [], "FORWARD": [], "OUTPUT": []}
        self.engine_starts()

    async def rules(self) -> tuple[str, ...]:
        self._door()
        made = [f"-P {name} {self.policies[name]}" for name in self.policies]
        made += [f"-N {name}" for name in self.chains if name not in self.policies]
        return tuple(made + [f"-A {name} {rule}" for name, rules in self.chains.items() for rule in rules])

    async def change(self, text: str) -> None:
        self._door()
        table = {name: list(rules) for name, rules in self.chains.items()}
        for line in text.splitlines():
            _apply(table, line)
        self.chains = table
        self.changes += 1

    async def tame(self, bridge: str) -> None:
        self._door()
        self.tamed.append(bridge)

    def _door(self) -> None:
        if self.failure is not None:
            raise self.failure


def _apply(table: dict[str, list[str]], line: str) -> None:
    """One line of a change. Raises FirewallError as the real one refuses."""
    if line.startswith((":", "*")) or line == "COMMIT":
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
