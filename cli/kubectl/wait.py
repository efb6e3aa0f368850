"""`wait`: return when objects meet a condition; say how they stand instead when they do not in time."""

import dataclasses
from typing import Annotated

import typer

from kohakuriver import errors
from kohakuriver.cli import absent, failures, screen
from kohakuriver.cli.api import awaiting, targets
from kohakuriver.cli.api.follow import Deadline
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl import jsonpath
from kohakuriver.cli.kubectl.delete import parse_timeout
from kohakuriver.resources import view
from kohakuriver.resources.kinds import ResourceType

EXAMPLES = """
kohakuriver wait vps/dev --for=jsonpath='{.status.phase}'=running --timeout 2m
kohakuriver wait node/n1 --for=condition=Ready
kohakuriver wait vps -l team=red --for=delete
"""
FORMS = "condition=TYPE[=VALUE], jsonpath='{PATH}'[=VALUE], or delete"

Words = Annotated[list[str] | None, typer.Argument(metavar="KIND NAME... | KIND/NAME...", show_default=False)]
For = Annotated[str, typer.Option("--for", metavar="CONDITION", help=f"One of: {FORMS}.", show_default=False)]
Selector = Annotated[
    str | None,
    typer.Option("--selector", "-l", metavar="LABELS", help="Those of the kind with these labels."),
]
Timeout = Annotated[
    str,
    typer.Option(
        "--timeout", metavar="DURATION", help="How long to wait in all; 0 looks once, -1s is for ever."
    ),
]


@dataclasses.dataclass(frozen=True)
class Condition:
    """What is waited for. `state` says how an object stands instead; nothing when it meets the condition."""

    text: str
    deleted: bool = False
    type: str = ""
    value: str | None = None
    template: jsonpath.Template | None = None

    def state(self, body: Object | None) -> str:
        if self.deleted:
            return "" if body is None else awaiting.summary(body) or "it is still there"
        if body is None:
            return "it does not exist"
        unmet = self._condition(body) if self.template is None else self._path(self.template, body)
        message = view.Object.of(body).status.text("message")
        return f"{unmet} ({message})" if unmet and message and message not in unmet else unmet

    def _condition(self, body: Object) -> str:
        for one in view.Object.of(body).conditions:
            if one.type.lower() == self.type.lower():
                met = one.status.lower() == (self.value or "True").lower()
                why = f", {one.message}" if one.message else ""
                return "" if met else f"{one.type} is {one.status}{why}"
        return f"it has no condition {self.type}"

    def _path(self, template: jsonpath.Template, body: Object) -> str:
        found = [jsonpath.written(value) for value in template.find(body)]
        if self.value is None:
            return "" if found else "the field is not there"
        if self.value in found:
            return ""
        return f"it is {', '.join(found)}, not {self.value}" if found else "the field is not there"


def wait(
    settings: Settings,
    words: Words = None,
    *,
    condition: For,
    selector: Selector = None,
    timeout: Timeout = "30s",
) -> int:
    """Wait until objects meet a condition."""
    wanted = parse_condition(condition)
    forever = timeout.startswith("-")
    deadline = Deadline(None if forever else parse_timeout(timeout))
    api = settings.api()
    for resource, name in _meant(api, words or [], selector):
        _await(api, resource, name, wanted, deadline, timeout)
    return 0


def parse_condition(text: str) -> Condition:
    """What `--for` says. Raises UsageError."""
    kind, _, rest = text.partition("=")
    if text == "delete":
        return Condition(text, deleted=True)
    if kind == "condition" and rest:
        name, equals, value = rest.partition("=")
        return Condition(text, type=name, value=value if equals else None)
    if kind == "jsonpath" and rest:
        end = rest.rfind("}=") + 1
        path, equals, value = (rest[:end], "=", rest[end + 1 :]) if end else (rest, "", "")
        if "{" not in rest:
            path, equals, value = rest.partition("=")
        try:
            template = jsonpath.compile_template(path)
        except jsonpath.JsonPathError as error:
            raise failures.UsageError(f"--for: {error}", hint=f"it takes {FORMS}") from None
        return Condition(text, value=value.strip("'\"") if equals else None, template=template)
    raise failures.UsageError(f'invalid condition "{text}": --for takes {FORMS}')


def _meant(api: Api, words: list[str], selector: str | None) -> list[tuple[ResourceType, str]]:
    if selector is None:
        return [(target.resource, name) for target in targets.named(words) for name in target.names]
    found = []
    for target in targets.parse(words):
        path = api.path(target.resource, namespace=api.namespace if target.resource.namespaced else None)
        answer = api.call("GET", path, params={"labelSelector": selector})
        found += [(target.resource, item["metadata"]["name"]) for item in answer["items"]]
    if not found:
        screen.note(f'nothing carries the labels "{selector}"')
    return found


def _await(
    api: Api, resource: ResourceType, name: str, wanted: Condition, deadline: Deadline, timeout: str
) -> None:
    title = targets.title(resource, name)
    namespace = api.namespace if resource.namespaced else None
    if not wanted.deleted:
        absent.get(api, resource, name, namespace=namespace)  # says so if it is not there
    seen: list[Object] = []

    def judge(body: Object | None) -> str:
        if body is None and not wanted.deleted:
            raise errors.NotFound(f"{title} was deleted while it was waited for")
        if body is not None:
            seen[:] = [*seen[:1], body]
            if wanted.deleted and body["metadata"]["uid"] != seen[0]["metadata"]["uid"]:
                return ""  # a namesake made since
        return wanted.state(body)

    try:
        awaiting.until(api, resource, name, namespace=namespace, judge=judge, deadline=deadline)
    except failures.TimedOut as late:
        raise failures.TimedOut(
            f"{title} does not meet {wanted.text} after {timeout}: {late.message}",
            hint=f"wait longer with --timeout, or see why: kohakuriver describe {title}",
        ) from None
    screen.out(f"{title} condition met")
    screen.flush()
