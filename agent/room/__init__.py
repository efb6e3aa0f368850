"""The node's disk, shared by its VPSes: what each has taken, and what follows (docs/operations.md)."""
