"""The records: models, what is done with them beyond one row, and management commands."""
