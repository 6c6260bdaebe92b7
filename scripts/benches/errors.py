"""What a bench can fail by."""


class BenchFailed(Exception):
    """It could not be measured. Its text is for the person at the terminal."""
