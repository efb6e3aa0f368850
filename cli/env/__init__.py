"""`kohakuriver env …`: container environments, for `vps create --container`. Holds the group's examples."""

EXAMPLES = """
kohakuriver env create my-env --from dev
kohakuriver vps create --container my-env --no-ssh-key
kohakuriver env list
"""
