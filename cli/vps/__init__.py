"""`kohakuriver vps …`: a file for each verb or group of them, and the pure parts they stand on."""

EXAMPLES = """
kohakuriver vps create --cores 2 --memory 4G
kohakuriver vps list
kohakuriver vps status dev
kohakuriver vps stop dev
kohakuriver vps snapshot dev
"""
