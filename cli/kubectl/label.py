"""`label`: set labels of objects, or take them away."""

from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl import marks
from kohakuriver.cli.kubectl.marks import All, DryRun, Everywhere, List, Overwrite, Selector, Words
from kohakuriver.cli.kubectl.selection import Which

EXAMPLES = """
kohakuriver label vps dev team=red
kohakuriver label vps dev team=blue --overwrite
kohakuriver label vps dev team-
kohakuriver label vps --all owner=alice
kohakuriver label node/n1 --list
"""


def label(
    settings: Settings,
    words: Words = None,
    overwrite: Overwrite = False,
    listed: List = False,
    selector: Selector = None,
    everything: All = False,
    all_namespaces: Everywhere = False,
    dry_run: DryRun = None,
) -> int:
    """Set labels (KEY=VALUE) of objects, or take them away (KEY-); -l and node selectors look at them."""
    which = Which(selector, everything, all_namespaces)
    return marks.carry_out(settings, words or [], marks.LABEL, which, marks.How(overwrite, listed, dry_run))
