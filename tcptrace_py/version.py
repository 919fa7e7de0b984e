"""The version of the package, alone, so that every room can say it without importing another."""

__version__ = "0.1.0"
