"""The URLs of what a kubelet serves, below `/api/v1/namespaces/NAMESPACE/pods/NAME`.

GET, POST …/exec          a command, over a WebSocket or SPDY/3.1
GET, POST …/attach        back to the terminal that was left last
GET, POST …/portforward   connections to its ports, over SPDY/3.1, a WebSocket, or the one in the other
GET       …/log           what its main process wrote, as text or over a WebSocket

Each is judged as the stream of a VPS that it leads to, whatever its method: who may
read a Pod may not enter it.
"""

from collections.abc import Mapping

from aiohttp import web

from kohakuriver.apiserver.auth.endpoint import ENDPOINTS, Endpoint
from kohakuriver.apiserver.kubelet import forwarding, returning, running, written
from kohakuriver.apiserver.kubelet.asked import Handler, in_a_sentence
from kohakuriver.resources import kinds

_METHODS = {"get": "GET", "create": "POST"}
_HANDLERS: Mapping[str, Handler] = {
    "exec": running.execute,
    "attach": returning.attach,
    "portforward": forwarding.forward,
    "log": written.show,
}


def add(app: web.Application) -> None:
    """Routes and endpoints."""
    for entry in kinds.view(kinds.POD).entries:
        path = kinds.POD.path(namespace="{namespace}", name="{name}", subresource=entry.part)
        for verb in entry.verbs:
            route = app.router.add_route(_METHODS[verb], path, in_a_sentence(_HANDLERS[entry.part]))
            app[ENDPOINTS][route] = Endpoint("create", kinds.VPS, entry.stream)
