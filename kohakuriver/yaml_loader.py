"""YAML's plain values as kubectl reads them: dates stay text, and 1:30 is no number. For manifests."""

import re
from typing import Any

import yaml

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"^(?:[-+]?0b[0-1_]+|[-+]?0o?[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+)$")


class Loader(_Base):  # type: ignore[misc]
    """PyYAML's safe loader in C, without the readings of YAML 1.1 that kubectl's does not have."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the name is PyYAML's
        first: [
            (tag, _INTEGER if tag.endswith(":int") else pattern)
            for tag, pattern in resolvers
            if not tag.endswith(":timestamp")
        ]
        for first, resolvers in _Base.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """The value of a node. Raises YAMLError for a text that is nothing of what its tag says, which
        PyYAML takes for granted."""
        try:
            return super().construct_object(node, deep)
        except (KeyError, AttributeError, IndexError, ValueError, OverflowError) as error:
            kind = node.tag.removeprefix("tag:yaml.org,2002:")
            told = f'invalid {kind} "{str(node.value)[:50]}"'
            raise yaml.constructor.ConstructorError(None, None, told, node.start_mark) from error
