"""Drawings as plain shapes, computed here and written as SVG by the templates. Pure."""
