"""Streams to what runs on nodes (docs/design/005-streams.md): found, asked for, and copied; never read.

routes      the URLs, and what passes through them in what order
reach       whether a VPS can be reached at all, and if not, why and what to do
nodes       the agents that are connected to this server, and what has been asked of them
relay       the same request, asked of another API server that has the node
upgrade     an aiohttp request turned into a bare connection
"""
