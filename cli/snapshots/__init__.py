"""Snapshots of VPSes: `vps snapshot`, `vps snapshots`, `vps restore` and `vps fork`.

A name here is imported when it is used: `from kohakuriver.cli.snapshots import restore`.
"""
