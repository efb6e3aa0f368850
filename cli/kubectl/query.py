"""What a `get` asks for, the same for every kind. Asks no server."""

from typing import TYPE_CHECKING, NamedTuple

from kohakuriver.cli.api.http import Api
from kohakuriver.cli.kubectl.output import Output
from kohakuriver.cli.view import table
from kohakuriver.resources.kinds import ResourceType

if TYPE_CHECKING:
    from kohakuriver.cli.kubectl.columns import Columns
    from kohakuriver.cli.kubectl.jsonpath import Template


class Query(NamedTuple):
    """The options of one `get`."""

    format: Output
    selector: str = ""
    field_selector: str = ""
    everywhere: bool = False
    headers: bool = True
    several_kinds: bool = False
    order: "Template | None" = None  # --sort-by

    @property
    def params(self) -> dict[str, str]:
        found = {"labelSelector": self.selector, "fieldSelector": self.field_selector}
        return {name: value for name, value in found.items() if value}

    @property
    def table_params(self) -> dict[str, str]:
        """Rows bring their objects along where these say the order."""
        return self.params | ({"includeObject": "Object"} if self.order else {})

    @property
    def columns(self) -> "Columns | None":
        return self.format.columns

    def path(self, api: Api, resource: ResourceType, name: str = "") -> str:
        return api.path(resource, namespace=None if self.everywhere else api.namespace, name=name)

    def layout(self, resource: ResourceType) -> table.Layout:
        return table.Layout(
            resource,
            wide=self.format.wide,
            with_namespace=self.everywhere and resource.namespaced,
            with_kind=self.several_kinds,
        )
