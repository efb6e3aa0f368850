"""`connect --ide`: files, an editor and a real terminal of a VPS, full screen. Attributes down, messages up.

app         put together: what is where, and the keys that hold everywhere
tree        the files
editor      one open file
document    what is open: text, version, and whether it can be edited; pure
saving      how a file gets back, and what is asked when it changed meanwhile
asking      questions over the whole screen
finding     find in a file, and go to a line
opening     open by a part of a name
fuzzy       ranks names; pure
dropping    paths that are pasted, to be uploaded; pure
keys        what F1 shows
terminal/   the shell
"""
