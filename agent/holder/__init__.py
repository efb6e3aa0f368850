"""The session holder: a small process beside the agent that owns the terminals and commands of people.

It outlives the agent, so that a restart of that costs nobody their shell: Docker cannot reattach a command,
so whoever started it has to stay. The agent asks it by one line over a unix socket (wire.py), then only
copies bytes between it and the API server; the holder itself speaks the frames of docs/design/005-streams.md.

    holder      the process
    reception   the unix socket: one line in, one line out, then frames
    sessions    which sessions there are
    session     one of them: a program, and whoever is attached to it (attachment)
    outflow     what the program wrote: kept, sent, acknowledged; on ring.py
    program     a program on a terminal in a container
    pipes       a command without a terminal
    hangup      ends what a session left running; hangup_inside where that may not be done from outside
    ending      how a command ended

The standard library and kohakuriver.streams alone, at most 25 MB.
"""
