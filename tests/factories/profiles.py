"""How much hypothesis tries: the same in each ordinary run, more and new with `--hypothesis-profile=thorough`."""

from hypothesis import settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("donewell", deadline=None, derandomize=True)
settings.register_profile("thorough", deadline=None, max_examples=5_000)
settings.load_profile("donewell")
