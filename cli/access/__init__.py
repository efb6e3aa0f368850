"""Into a VPS: its ports, its terminal, its files. One file per command, and the parts they stand on.

opening     a stream to a VPS, waited for while something is being restarted
"""
