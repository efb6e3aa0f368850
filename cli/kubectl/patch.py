"""`patch`: change fields of objects by a patch that somebody wrote."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from kohakuriver.cli import failures, screen
from kohakuriver.cli.api import insist, targets
from kohakuriver.cli.api.http import JSON_PATCH, MERGE_PATCH, Api
from kohakuriver.cli.framework import dry_run
from kohakuriver.cli.framework.dry_run import DryRun
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl import output, selection
from kohakuriver.resources.kinds import ResourceType

EXAMPLES = """
kohakuriver patch vps dev -p '{"spec": {"priority": 5}}'
kohakuriver patch vps/dev -p 'spec: {resources: {cores: 1}}'
kohakuriver patch vps dev --type json -p '[{"op": "replace", "path": "/spec/priority", "value": 1}]'
"""
TYPES = {"merge": MERGE_PATCH, "json": JSON_PATCH}

Words = Annotated[list[str] | None, typer.Argument(metavar="KIND NAME... | KIND/NAME...", show_default=False)]
Patch = Annotated[
    str | None, typer.Option("--patch", "-p", metavar="PATCH", help="The patch, as JSON or YAML.")
]
PatchFile = Annotated[Path | None, typer.Option("--patch-file", metavar="FILE", help="A file that holds it.")]
Type = Annotated[
    str, typer.Option("--type", metavar="TYPE", help="merge (RFC 7386) or json (a list of steps, RFC 6902).")
]
Subresource = Annotated[
    str | None, typer.Option("--subresource", metavar="NAME", help="Change this part of it, such as status.")
]
Format = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FORMAT", help="Print the result: yaml, json, name, …")
]


def patch(
    settings: Settings,
    words: Words = None,
    patch_text: Patch = None,
    patch_file: PatchFile = None,
    patch_type: Type = "merge",
    subresource: Subresource = None,
    output_format: Format = None,
    dry_run_text: DryRun = None,
) -> int:
    """Change fields of objects: a merge patch says the fields as they shall be, null takes one away."""
    rehearsal, render = dry_run.read(dry_run_text), output.of_objects(output_format)
    change = read(_text(patch_text, patch_file), patch_type)
    api = settings.api()
    good = True
    for target in targets.named(words or []):
        there = selection.present(api, target)
        good = good and len(there) == len(target.names)
        for before in there:
            name, after = before["metadata"]["name"], before
            if rehearsal is not rehearsal.CLIENT:
                params = {
                    "fieldManager": "kohakuriver-patch",
                    "fieldValidation": "Strict",
                    **rehearsal.params,
                }
                path = _path(api, target.resource, name, subresource)
                after = insist.call(
                    api, "PATCH", path, params=params, body=change, content_type=TYPES[patch_type]
                )
            if render is not None:
                screen.out(render(output.without_noise(after)), end="")
                continue
            same = after["metadata"].get("resourceVersion") == before["metadata"]["resourceVersion"]
            done = "patched (no change)" if same and not rehearsal else "patched"
            screen.out(f"{targets.title(target.resource, name)} {done}{rehearsal.suffix}")
    return 0 if good else 1


def read(text: str, patch_type: str) -> Any:
    """The patch that a text is. Raises UsageError."""
    import yaml

    from kohakuriver.yaml_loader import Loader

    if patch_type not in TYPES:
        hint = "VPSes and the like take no strategic ones" if patch_type == "strategic" else ""
        raise failures.UsageError(f'invalid type of patch "{patch_type}": write merge or json', hint=hint)
    try:
        found = json.loads(text)
    except ValueError:
        try:
            found = yaml.load(text, Loader=Loader)  # noqa: S506 - it is the safe loader in C
        except yaml.YAMLError:
            found = None
    wanted, words = (list, "a list of steps") if patch_type == "json" else (dict, "a mapping of fields")
    if not isinstance(found, wanted):
        raise failures.UsageError(
            f"a {patch_type} patch is {words}, as JSON or YAML",
            hint='such as -p \'{"spec": {"priority": 5}}\'',
        )
    return found


def _text(patch_text: str | None, file: Path | None) -> str:
    if (patch_text is None) == (file is None):
        raise failures.UsageError(
            "the patch is missing" if file is None else "-p and --patch-file do not go together",
            hint="write it behind -p, or name a file with --patch-file",
        )
    return file.read_text() if file is not None else str(patch_text)


def _path(api: Api, resource: ResourceType, name: str, subresource: str | None) -> str:
    path = api.path(resource, namespace=selection.namespace(api, resource), name=name)
    if subresource is None:
        return path
    if subresource not in resource.subresources:
        there = ", ".join(resource.subresources) or "none"
        raise failures.UsageError(
            f'{resource.singular} has no subresource "{subresource}"', hint=f"it has: {there}"
        )
    return f"{path}/{subresource}"
