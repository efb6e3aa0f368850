"""`kohakuriver dashboard`: the cluster on one screen, as it is now.

informers ──keys──► app ──redraws, few a second──► tables, each line made by a pure function

line       what a line of a screen is made of; pure, as are the next three
node_line  a node, and bars of what is booked of it
vps_line   a VPS
alike      reasons that many VPSes have in common
heading    the first line
world      all that is known of the cluster, and which VPSes a filter means
using      what VPSes use, asked for now and then
adding     a new VPS, asked for in a box
link       one watch that goes on by itself, and says when it cannot
hands      what the keys do with a VPS
table      a list of any length with a cursor
app        all of it put together, and the keys
"""
