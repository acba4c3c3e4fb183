"""The default profile's name, apart from the profiles, so that the command need not load what reads them."""

DEFAULT_PROFILE = "laptop"
