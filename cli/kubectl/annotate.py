"""`annotate`: set annotations of objects, or take them away."""

from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl import marks
from kohakuriver.cli.kubectl.marks import All, DryRun, Everywhere, List, Overwrite, Selector, Words
from kohakuriver.cli.kubectl.selection import Which

EXAMPLES = """
kohakuriver annotate vps dev note='for the demo on Friday'
kohakuriver annotate vps dev note='for Monday' --overwrite
kohakuriver annotate vps/dev note-
"""


def annotate(
    settings: Settings,
    words: Words = None,
    overwrite: Overwrite = False,
    listed: List = False,
    selector: Selector = None,
    everything: All = False,
    all_namespaces: Everywhere = False,
    dry_run: DryRun = None,
) -> int:
    """Set annotations (KEY=VALUE) of objects, or take them away (KEY-): notes that nothing acts on."""
    which = Which(selector, everything, all_namespaces)
    return marks.carry_out(
        settings, words or [], marks.ANNOTATION, which, marks.How(overwrite, listed, dry_run)
    )
