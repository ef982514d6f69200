"""The trade: course, measuring, tracking, criteria, irradiated field, end points, output."""

__version__ = "0.1.0"
