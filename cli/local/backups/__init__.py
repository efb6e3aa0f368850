"""`backup` and `restore`: the control plane of a cluster as one file. docs/design/023 has why it is so."""
