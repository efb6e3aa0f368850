"""What every request of one API server process works with; made once, in `app.py`, and handed down."""

import dataclasses

from aiohttp import web

from apiserver.cache import Cache
from apiserver.cluster import Cluster
from apiserver.identity import TokenFile
from apiserver.store.base import Store
from kohakuriver.clock import Clock


@dataclasses.dataclass(frozen=True)
class Server:
    """One API server: its doors to the store, to time, and to who may come in."""

    store: Store
    cache: Cache
    clock: Clock
    cluster: Cluster
    tokens: TokenFile


SERVER = web.AppKey("server", Server)
