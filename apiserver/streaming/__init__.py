"""Streams to what runs on nodes (docs/design/005-streams.md): found, asked for, copied, and told of.

routes      the URLs, and what passes through them in what order
reach       whether a VPS can be reached at all, and if not, why and what to do
nodes       the agents that are connected to this server, and what has been asked of them
told        what a stream is for, how much passed, and how it ended, from its last bytes
relay       the same request, asked of another API server that has the node
upgrade     an aiohttp request turned into a bare connection
"""
