"""`kohakuriver config …`: one file per verb, on the file that kubectl reads too. Holds the examples."""

EXAMPLES = """
kohakuriver config get-contexts
kohakuriver config use-context kohakuriver
kohakuriver config add alice.config --as prod
kohakuriver config set contexts.kohakuriver.namespace default
"""
