"""`kohakuriver node …`: one file per verb or pair of verbs. Holds only the group's examples."""

EXAMPLES = """
kohakuriver node list
kohakuriver node drain n1
kohakuriver node uncordon n1
"""
