"""`edit`: an object in a text editor; what was changed there is sent as a patch of just that.

Fields that this client does not know are shown and kept. A change that is refused is shown again with the
reason on top; one that is given up is kept in a file.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from kohakuriver import errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.api import targets
from kohakuriver.cli.api.http import MERGE_PATCH, Api, Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl import merge, output, selection, yaml_text
from kohakuriver.resources.kinds import ResourceType

EXAMPLES = """
kohakuriver edit vps dev
KUBE_EDITOR=nano kohakuriver edit vps/dev
"""
_HEAD = """\
# Change what you like, save, and leave the editor. Lines that begin with # count for nothing, and a file
# without anything else gives the change up.
#
"""
_REFUSED = "It was refused:"
_VARIABLES = ("KUBE_EDITOR", "VISUAL", "EDITOR")

Words = Annotated[list[str] | None, typer.Argument(metavar="KIND NAME... | KIND/NAME...", show_default=False)]


def edit(settings: Settings, words: Words = None) -> int:
    """Edit objects in $KUBE_EDITOR, $VISUAL, $EDITOR or vi. Only what you change is sent."""
    api = settings.api()
    good = True
    for target in targets.named(words or []):
        there = selection.present(api, target)
        good = good and len(there) == len(target.names)
        for body in there:
            _edit(api, target.resource, body)
    return 0 if good else 1


def _edit(api: Api, resource: ResourceType, there: Object) -> None:
    """Raises what was refused, once the person gives up on it."""
    title = targets.title(resource, there["metadata"]["name"])
    before = output.without_noise(there)
    text, refused = output.to_yaml(before), ""
    with tempfile.TemporaryDirectory(prefix="kohakuriver-edit-") as folder:
        file = Path(folder) / f"{title.replace('/', '-')}.yaml"
        while True:
            said = _open(file, _HEAD + _comment(refused) + text)
            if not said.strip() or said == text:
                _give_up(title, said, refused)
                return
            text = said
            try:
                wanted = change(before, said)
                if not wanted:
                    screen.note(f"{title} is as it was: nothing was changed")
                    return
                _send(api, resource, before, wanted)
            except (yaml_text.Wrong, failures.UsageError, errors.ApiError) as error:
                refused = _refusal(error)
                if not _can_be_mended(error):
                    _end(title, said, error)
            else:
                screen.out(f"{title} edited")
                return


def _open(file: Path, text: str) -> str:
    """What the person made of it, without the lines on top. Raises UsageError."""
    file.write_text(text)
    command = next((os.environ[name] for name in _VARIABLES if os.environ.get(name)), "vi")
    try:
        done = subprocess.run([*shlex.split(command), str(file)], check=False)
    except OSError as error:
        raise failures.UsageError(
            f'the editor "{command}" does not start: {error.strerror}', hint="name another one in $EDITOR"
        ) from None
    said = file.read_text()
    if done.returncode:
        if said != text or _REFUSED in text:
            _keep(_without_comments(said))
        raise failures.Abandoned(f'the editor "{command}" ended with {done.returncode}; nothing was changed')
    return _without_comments(said)


def _without_comments(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))


def change(before: Object, text: str) -> Object:
    """The merge patch that makes the one the other. Raises Wrong, and UsageError for what may not change."""
    pieces = list(yaml_text.chunks(text))
    document = yaml_text.parse(pieces[0][1], pieces[0][0]) if pieces else None
    after: Any = document.value if document else None
    if not isinstance(after, dict) or not isinstance(after.get("metadata"), dict):
        raise failures.UsageError(
            "this is not an object any more: apiVersion, kind and metadata were expected"
        )
    for field in ("apiVersion", "kind"):
        if after.get(field) != before.get(field):
            raise failures.UsageError(f"{field} cannot be changed")
    for field in ("name", "namespace", "uid"):
        if after["metadata"].get(field) != before["metadata"].get(field):
            raise failures.UsageError(f"metadata.{field} cannot be changed")
    return merge.patch(before, after, before)


def _send(api: Api, resource: ResourceType, before: Object, wanted: Object) -> None:
    """Only if nobody was quicker: the change was made from what is on the screen."""
    metadata = {**(wanted.get("metadata") or {}), "resourceVersion": before["metadata"]["resourceVersion"]}
    path = api.path(resource, namespace=before["metadata"].get("namespace"), name=before["metadata"]["name"])
    api.call(
        "PATCH",
        path,
        params={"fieldManager": "kohakuriver-edit", "fieldValidation": "Strict"},
        body={**wanted, "metadata": metadata},
        content_type=MERGE_PATCH,
    )


def _can_be_mended(error: Exception) -> bool:
    """Whether the editor is opened again: by somebody who is there to mend it."""
    return sys.stdin.isatty() and not (
        isinstance(error, errors.ApiError) and not isinstance(error, errors.Invalid | errors.BadRequest)
    )


def _end(title: str, said: str, error: Exception) -> None:
    """Keep what somebody wrote. Raises what was refused."""
    _keep(said)
    if isinstance(error, errors.ApiError):
        raise error
    raise failures.Abandoned(f"{title} was not changed: {_refusal(error)}") from None


def _give_up(title: str, said: str, refused: str) -> None:
    if refused and said.strip():
        _keep(said)
        raise failures.Abandoned(f"{title} was not changed: {' '.join(refused.split())}")
    screen.note(f"{title} is as it was: nothing was changed")


def _keep(text: str) -> None:
    """What somebody wrote must not be lost."""
    with tempfile.NamedTemporaryFile("w", prefix="kohakuriver-edit-", suffix=".yaml", delete=False) as kept:
        kept.write(text)
    screen.note(f"your version is kept in {kept.name}")


def _refusal(error: Exception) -> str:
    """Why, and on which line of what was written."""
    if isinstance(error, yaml_text.Wrong):
        return f"line {error.line}: {error.message}" if error.line else error.message
    return str(getattr(error, "message", error))


def _comment(refused: str) -> str:
    lines = [_REFUSED, *refused.splitlines(), "(Lines are counted from the first below these.)"]
    return "".join(f"# {line}\n" for line in lines) + "#\n" if refused else ""
