"""What keeps an environment from being made, told in words for the person at the terminal."""


class ProvisionError(Exception):
    """The environment cannot be made. Its text says why and what to do."""
