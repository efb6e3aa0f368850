"""The Node that a VPS is bound to, for the address to log in at. Who may not read it goes without."""

from kohakuriver import errors
from kohakuriver.cli.api import readable
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.resources import kinds
from kohakuriver.resources.view import VPS


def of(api: Api, vps: Object) -> Object | None:
    name = VPS.of(vps).node
    if not name:
        return None
    try:
        return readable.node(api.call("GET", api.path(kinds.NODE, name=name)))
    except (errors.NotFound, errors.Forbidden):
        return None
