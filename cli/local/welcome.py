"""What `up` says when the cluster is ready: what to do next, and what the default image needs."""

from kohakuriver import errors
from kohakuriver.cli import default_image, screen
from kohakuriver.cli.local import stack
from kohakuriver.cli.local.cluster_files import ClusterFiles
from kohakuriver.cli.local.cluster_options import Options
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds


def say(files: ClusterFiles, options: Options) -> None:
    screen.note(f"the cluster is ready at {options.url}; node {options.node}")
    if not files.is_default:
        screen.note(f"  export KOHAKURIVER_CONFIG={files.config}")
    screen.note("  kohakuriver get nodes,vps")
    screen.note(f"  KUBECONFIG={files.config} kubectl get vps")
    try:
        node = stack.Near(files, options.local_url).look(kinds.NODE.path(name=options.node))
    except errors.KohakuRiverError:
        return  # it was ready a moment ago: what is wrong now is said where it matters
    for words in default_image.words([node], SystemClock().now()):
        screen.warn(words)
