"""`--default-quota`: what a namespace may store of what no ResourceQuota of its own names."""

import argparse
from collections.abc import Mapping

from kohakuriver import server_options
from kohakuriver.apiserver.quota import hard


def parse(text: str) -> Mapping[str, int]:
    """The limits by name. Raises argparse.ArgumentTypeError with what is expected."""
    try:
        limits = server_options.quota(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return {name: hard.amount(name, most) for name, most in limits.items()}
