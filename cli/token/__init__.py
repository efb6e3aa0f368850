"""`kohakuriver token …`: one file per verb. Holds only the group's examples."""

EXAMPLES = """
kohakuriver token create --user alice -n team-a --kubeconfig alice.config
kohakuriver token list
kohakuriver token revoke user-3f9a0c1b
"""
