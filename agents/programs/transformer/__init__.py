"""The program transformer."""
