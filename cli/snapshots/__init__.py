"""Snapshots of VPSes: `vps snapshot`, `vps snapshots`, `vps restore`, `vps fork` and `vps diff`.

A name here is imported when it is used: `from kohakuriver.cli.snapshots import restore`.
"""
