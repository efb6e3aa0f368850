"""`kohakuriver vps …`: one file per verb, and the pure parts they stand on. Holds the group's examples."""

EXAMPLES = """
kohakuriver vps create --cores 2 --memory 4G
kohakuriver vps list
kohakuriver vps status dev
kohakuriver vps stop dev
"""
