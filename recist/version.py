"""The version, in the one place that everything reads it from: commands, results, the package."""

__version__ = "0.1.0"
