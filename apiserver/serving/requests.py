"""From an aiohttp request to the arguments of reads and writes, and from their results to a response."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from kohakuriver.apiserver.audit.visit import VISIT
from kohakuriver.apiserver.binding import call as calls
from kohakuriver.apiserver.binding.fencing import Leader
from kohakuriver.apiserver.binding.outcome import DeleteOptions, WriteOptions, Written
from kohakuriver.apiserver.context import SERVER, Server
from kohakuriver.apiserver.identity import access
from kohakuriver.apiserver.identity.identity import User
from kohakuriver.apiserver.limits import weights
from kohakuriver.apiserver.limits.shares import Share
from kohakuriver.apiserver.objects.query import ListQuery, WatchQuery, flag, parse_list, parse_watch
from kohakuriver.apiserver.objects.validation import FieldValidation
from kohakuriver.apiserver.printers import forms
from kohakuriver.apiserver.printers.narrowing import narrowed
from kohakuriver.apiserver.read import read
from kohakuriver.apiserver.serving import body
from kohakuriver.apiserver.serving.middleware import PASSAGE, SHARE, USER
from kohakuriver.apiserver.serving.usage import filled
from kohakuriver.apiserver.store import codec
from kohakuriver.errors import BadRequest, Cause, Invalid
from kohakuriver.resources.kinds import ResourceType

JSON = "application/json"
MOST_WARNINGS = 20  # each is a header, of which clients take a hundred


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One request for a kind, as its path has it."""

    request: web.Request
    server: Server
    user: User
    share: Share
    resource: ResourceType
    namespace: str | None
    name: str

    @classmethod
    def of(cls, request: web.Request, resource: ResourceType) -> "Call":
        place = request.match_info
        namespace, name = place.get("namespace"), place.get("name", "")
        server, user, share = request.app[SERVER], request[USER], request[SHARE]
        return cls(request, server, user, share, resource, namespace, name)

    async def charge_for_stored(self) -> None:
        """What a change of a large object costs, however little is changed. Raises TooManyRequests."""
        entry = self.server.cache.kinds[self.resource].get(
            codec.key(self.resource, self.namespace, self.name)
        )
        if entry is not None:
            self.share.charge(weights.writing(len(entry.raw)) + weights.fields(entry.raw))
            if len(entry.raw) > weights.LONG:
                await self.request[PASSAGE].enter()
                await self.share.turn()

    def writing(self, subresource: str = "", options: WriteOptions = calls.PLAIN) -> calls.Call:
        """The write that is asked for, without what is HTTP."""
        return calls.Call(self.user, self.resource, self.namespace, self.name, subresource, options)

    @property
    def form(self) -> forms.Form:
        accept = self.request.headers.get("Accept", "")
        asked = forms.negotiate(self.resource, accept, self.request.query.get("includeObject", ""))
        return filled(narrowed(asked, self.user, self.resource), self.server.cache, self.resource)

    def list_query(self) -> ListQuery:
        scope = access.scope(self.user, self.resource, self.namespace)
        return parse_list(self.request.query, self.resource, namespace=self.namespace, scope=scope)

    def watch_query(self) -> WatchQuery:
        scope = access.scope(self.user, self.resource, self.namespace)
        return parse_watch(self.request.query, self.resource, namespace=self.namespace, scope=scope)

    def options(self) -> WriteOptions:
        """How a write is meant. Raises BadRequest."""
        query = self.request.query
        return WriteOptions(
            dry_run=dry_run(query),
            validation=_validation(query.get("fieldValidation", "")),
            field_manager=query.get("fieldManager", "") or _manager(self.request),
            names_manager=bool(query.get("fieldManager")),
            force=flag(query, "force") if "force" in query else None,
            leader=Leader.parse(query["leader"]) if "leader" in query else None,
        )

    async def delete_options(self) -> DeleteOptions:
        """The body of a DELETE, and what its query says beside."""
        options = await body.parsed(self.request, required=False)
        query = self.request.query
        if "gracePeriodSeconds" in query:
            text = query["gracePeriodSeconds"]
            if not text.isascii() or not text.isdigit() or len(text) > 9:
                raise BadRequest(f'gracePeriodSeconds: invalid number of seconds "{text}"')
            options["gracePeriodSeconds"] = int(text)
        if "propagationPolicy" in query:
            options["propagationPolicy"] = query["propagationPolicy"]
        return DeleteOptions.parse(options | {"dryRun": ["All"]} if dry_run(query) else options)


def dry_run(query: Mapping[str, str]) -> bool:
    """Whether nothing shall be stored."""
    text = query.get("dryRun", "All")
    if text != "All":  # an empty one too: it is what a script's unset variable sends
        words = f'Unsupported value: "{text}": supported values: "All"'
        cause = Cause("dryRun", words, "FieldValueNotSupported")
        raise Invalid(f"dryRun: {words}", causes=(cause,), hint="write dryRun=All, or leave it out")
    return "dryRun" in query


def json_response(content: bytes | Mapping[str, Any], *, status: int = 200) -> web.Response:
    """A JSON answer."""
    payload = content if isinstance(content, bytes) else orjson.dumps(content)
    return web.Response(
        body=payload, status=status, headers={"Content-Type": JSON, "Cache-Control": "no-cache"}
    )


def written_response(call: Call, form: forms.Form, written: Written, *more: str) -> web.Response:
    """The object as it stands after a write, with what the writer should know."""
    written = dataclasses.replace(written, warnings=(*more, *written.warnings))
    call.request[VISIT].wrote(written.object)
    now = call.server.clock.now()
    shown = read.as_got(call.server, call.resource, written.object)
    response = json_response(form.one(orjson.dumps(shown), now), status=201 if written.created else 200)
    return _warned(response, written)


def deleted_response(call: Call, written: Written) -> web.Response:
    """The object while it stays, `Success` when it is gone."""
    call.request[VISIT].wrote(written.object)
    if not written.removed:
        return _warned(json_response(written.object), written)
    resource, metadata = call.resource, written.object["metadata"]
    details = {
        "name": call.name,
        "group": resource.group,
        "kind": resource.plural,
        "uid": metadata.get("uid", ""),
    }
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    return _warned(json_response(status), written)


def _warned(response: web.Response, written: Written) -> web.Response:
    warnings = written.warnings[:MOST_WARNINGS]
    if len(written.warnings) > len(warnings):
        warnings = (*warnings, f"and {len(written.warnings) - len(warnings)} more")
    for warning in warnings:
        text = " ".join(warning.split()).replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{text}"')
    return response


def _validation(text: str) -> FieldValidation:
    try:
        return FieldValidation(text) if text else FieldValidation.WARN
    except ValueError as error:
        raise BadRequest(
            f'fieldValidation: unsupported value "{text}"', hint="use Strict, Warn or Ignore"
        ) from error


def _manager(request: web.Request) -> str:
    return request.headers.get("User-Agent", "unknown").partition("/")[0][:128]
