"""Measurements; see README.md. Nothing here is asserted by tests."""
