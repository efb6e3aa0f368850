"""The URLs of what a kubelet serves, below `/api/v1/namespaces/NAMESPACE/pods/NAME`.

GET, POST …/exec          a command, over a WebSocket or SPDY/3.1
GET, POST …/attach        back to the terminal that was left last
GET, POST …/portforward   connections to its ports, over SPDY/3.1, a WebSocket, or the one in the other
GET       …/log           what its main process wrote, as text

Each is judged as the stream of a VPS that it leads to, whatever its method: who may
read a Pod may not enter it.
"""

from aiohttp import web

from kohakuriver.apiserver.auth.endpoint import ENDPOINTS, Endpoint
from kohakuriver.apiserver.kubelet import forwarding, returning, running, written
from kohakuriver.apiserver.kubelet.asked import Handler, in_a_sentence
from kohakuriver.resources import kinds

_POD = "/api/v1/namespaces/{namespace}/pods/{name}"
_STREAMED = ("GET", "POST")


def add(app: web.Application) -> None:
    """Routes and endpoints."""
    _add(app, "exec", running.execute, "exec", _STREAMED)
    _add(app, "attach", returning.attach, "terminal", _STREAMED)
    _add(app, "portforward", forwarding.forward, "forward", _STREAMED)
    _add(app, "log", written.show, "logs", ("GET",))


def _add(app: web.Application, part: str, handler: Handler, stream: str, methods: tuple[str, ...]) -> None:
    for method in methods:
        route = app.router.add_route(method, f"{_POD}/{part}", in_a_sentence(handler))
        app[ENDPOINTS][route] = Endpoint("create", kinds.VPS, stream)
