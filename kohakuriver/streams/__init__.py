"""Streams of bytes between a client and an agent, through an API server that only copies.

    frames      RFC 6455 frames, without I/O
    stream      bytes and control messages over one connection, with back-pressure and pings
    dial        opens one: an HTTP upgrade, answered 101 or with a Status
    patience    waits for what is being restarted
    splice      copies between two connections, knowing nothing of what they carry

The standard library alone: a short command and a small process use them too.
"""
