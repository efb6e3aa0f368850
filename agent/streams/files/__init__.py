"""The files of a VPS, read and written by a helper process that has its root folder and can be killed.

    door        the agent's side: starts a helper and joins its socket to the connection
    helper      the process: it has the root folder and the socket, and nothing else
    service     takes requests, one after the other, and answers them
    operations  what may be asked for
    root        finds paths below the container's root, and nowhere else
    looking     stat, list, walk, read
    writing     write, folder, rename, remove
    moving      archive, extract
    faults      what the kernel refuses, as a Status

The helper imports the standard library and kohakuriver.streams only. The contract is in
docs/design/005-streams.md.
"""
