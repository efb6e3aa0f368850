"""Property tests here say what is decided, not how fast: a loaded machine must not fail them."""

import hypothesis

hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")
