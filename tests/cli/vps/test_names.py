"""Generated names."""

import random
import re

from kohakuriver.cli.vps import naming


def test_names_are_short_legal_and_hard_to_misread():
    made = {naming.generate(random.Random(seed)) for seed in range(500)}  # noqa: S311
    assert all(re.fullmatch(r"vps-[2-9b-df-hj-km-np-tv-xz]{5}", name) for name in made)
    assert len(made) > 490
