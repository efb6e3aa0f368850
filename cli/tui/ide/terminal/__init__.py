"""A terminal within the terminal.

parser      bytes of output, cut into text, controls and sequences; pure
screen      what they make of a screen; pure
palette     colours
typing      keys, pastes and the mouse as a program reads them; pure
pane        the widget
shell       the session behind it
"""
