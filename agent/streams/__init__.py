"""What people reach inside the VPSes of this node. The agent dials out for each (docs/design/005-streams.md).

control     one connection to each API server, on which it says what somebody wants opened
door        what each kind of stream is to the control connection
forward     a port, in the container's network namespace
terminal    terminals and commands, which the session holder keeps
holders     the session holders of this node
windows     for how long a session is kept when nobody is attached
logs        what the container wrote
stats       what the container uses
said        a stream that is one answer
files       the container's files, by a helper process
"""
