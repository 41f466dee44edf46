"""Pilot: private chat with your own database and documents, on your own machine."""

__version__ = "0.1.0"
