"""Unit tests: no Docker, no network beyond this process, no waiting; seconds in all."""
