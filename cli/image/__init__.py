"""`kohakuriver image …`: the default image of VPSes, on this machine. Holds the group's examples."""

EXAMPLES = """
kohakuriver image build
kohakuriver image build --renew
"""
