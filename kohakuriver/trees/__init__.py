"""Folders as tar streams, for `cp` and for the agent's files. The standard library alone.

pack        a folder, read into a stream
members     what is in a stream that a stranger wrote, in little memory
unpack      a stream, written below a folder and nowhere else
flow        blocking reads and writes of a thread on a stream of the event loop
"""
