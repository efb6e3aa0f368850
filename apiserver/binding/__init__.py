"""The named transactions: the only writes that change an assignment."""
