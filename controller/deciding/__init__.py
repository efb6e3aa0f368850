"""What the controller decides, apart from what it does about it: no I/O, no clock, no framework.

view         a VPS and a node, cut out of the API's JSON; what they hold and have is `placement`'s
schedule     a VPS and all nodes -> a placement, or in words why none
filters      one reason each to refuse a node; permission and topology are more of them
queue        who waits, in which order; backoff, for how long
grants       whether a bound VPS gives back what is booked for it, or gets it again
snapshots    which Snapshots the schedule of a VPS asks for, and which go; snapshot_view, what they are
nodes        which nodes are lost
"""
