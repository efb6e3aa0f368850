"""YAML to a JSON value, event by event: no aliases, none of Python's tags, no more depth than JSON."""

from collections.abc import Callable
from typing import Any

import yaml

from kohakuriver.apiserver.objects.extent import DEEPEST, MOST_VALUES
from kohakuriver.errors import BadRequest, TooLarge
from kohakuriver.yaml_loader import Loader

_PLAIN = (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")

Tell = Callable[[str], None]


class _Counting(Loader):
    """A reader that knows how much it has read."""

    values = 0


def decode(content: bytes, doubled: Tell) -> Any:
    """The one document in a body; says which fields stand twice. Raises BadRequest."""
    try:
        loader = _Counting(content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _refused(str(error)) from None
    try:
        _expect(loader, yaml.StreamStartEvent)
        _expect(loader, yaml.DocumentStartEvent)
        value = _value(loader, loader.get_event(), "", doubled, DEEPEST)
        _expect(loader, yaml.DocumentEndEvent)
        _expect(loader, yaml.StreamEndEvent)
        return value
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise _refused(" ".join(str(error).split())[:200]) from None
    finally:
        loader.dispose()


def _value(loader: "_Counting", event: yaml.Event, at: str, doubled: Tell, room: int) -> Any:
    loader.values += 1
    if loader.values > MOST_VALUES:
        raise TooLarge(
            f"the body has more than {MOST_VALUES} fields and items", hint="send less in one object"
        )
    if room == 0:
        raise _refused("it nests too deep")
    if isinstance(event, yaml.CollectionStartEvent) and event.tag not in _PLAIN:
        raise _refused(f"the tag {event.tag} means nothing here")
    match event:
        case yaml.ScalarEvent():
            return _scalar(loader, event)
        case yaml.SequenceStartEvent():
            items: list[Any] = []
            while not isinstance(event := loader.get_event(), yaml.SequenceEndEvent):
                items.append(_value(loader, event, f"{at}[{len(items)}]", doubled, room - 1))
            return items
        case yaml.MappingStartEvent():
            return _mapping(loader, at, doubled, room)
    raise _refused("aliases are not read here: write the value out")


def _mapping(loader: "_Counting", at: str, doubled: Tell, room: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while not isinstance(event := loader.get_event(), yaml.MappingEndEvent):
        if not isinstance(event, yaml.ScalarEvent):
            raise _refused("a key is text")
        here = f"{at}.{event.value}" if at else event.value
        if event.value in found:
            doubled(here)
        found[event.value] = _value(loader, loader.get_event(), here, doubled, room - 1)
    return found


def _scalar(loader: "_Counting", event: yaml.ScalarEvent) -> Any:
    tag = event.tag or loader.resolve(yaml.ScalarNode, event.value, event.implicit)
    value = loader.construct_object(yaml.ScalarNode(tag, event.value))
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        raise _refused(f"{event.value} is not a number that JSON has")
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise _refused("a number in it has more than 64 bits")
    return value if isinstance(value, str | int | float | bool | None) else event.value


def _expect(loader: "_Counting", kind: type[yaml.Event]) -> None:
    if not isinstance(loader.get_event(), kind):
        raise _refused("it is not one document")


def _refused(why: str) -> BadRequest:
    return BadRequest(f"the body is not valid YAML: {why}", hint="send one object as YAML or JSON")
