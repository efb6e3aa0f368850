"""The files of a VPS, from here.

client      asks for them over a stream
entry       what a file or folder is
place       what SRC and DST mean
cp          `kohakuriver cp`
meter       how far it is
"""
