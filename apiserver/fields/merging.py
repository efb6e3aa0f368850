"""An applied configuration laid over an object, and fields taken out of one. Pure: makes new values."""

from typing import Any

from kohakuriver.apiserver.fields.layout import Layout, Path, Sort
from kohakuriver.apiserver.fields.paths import Paths


def overlaid(layout: Layout, live: Any, config: Any) -> Any:
    """The live value with everything that the configuration says."""
    if isinstance(live, dict) and isinstance(config, dict) and layout.parts(config) is not None:
        merged = dict(live)
        for name, value in config.items():
            below = layout.fields.get(name) or layout.of or layout
            merged[name] = overlaid(below, live[name], value) if name in live else value
        return merged
    if isinstance(live, list) and isinstance(config, list) and layout.parts(config) is not None:
        wanted = {layout.element(item): item for item in config}
        merged_items = []
        for item in live:
            element = layout.element(item)
            said = element in wanted
            merged_items.append(_item(layout, item, wanted.pop(element)) if said else item)
        return [*merged_items, *wanted.values()]
    return config


def _item(layout: Layout, live: Any, config: Any) -> Any:
    return overlaid(layout.of, live, config) if layout.of is not None else config


def without(layout: Layout, value: Any, paths: Paths, at: Path = ()) -> Any:
    """The value without these fields, and without what held nothing else."""
    parts = layout.parts(value)
    if parts is None or not any(path[: len(at)] == at for path in paths):
        return value
    kept = []
    for element, inner, below in parts:
        here = (*at, element)
        if here in paths:
            continue
        left = without(below, inner, paths, here)
        if inner and left in ({}, []):
            continue
        kept.append((element, left))
    if layout.sort in (Sort.KEYED, Sort.SET):
        return [left for _, left in kept]
    return {element[2:]: left for element, left in kept}
