"""PPO: reward alone, FLaRe's role. Cost is measured and does not count."""

from safevla.safe_rl import method

LABEL, COLOUR = "PPO (FLaRe)", "#de8f05"


class Method(method.Method):
    """The base as it is."""
