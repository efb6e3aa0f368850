"""`kohakuriver node …`: one file per verb. Holds only the group's examples."""

EXAMPLES = """
kohakuriver node list
kohakuriver node drain n1
kohakuriver node uncordon n1
"""
