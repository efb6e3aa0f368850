"""The files of VPSes as they were at one moment: taken, kept on this node, and unpacked again."""
