"""The records: models, queries, and what is done with records beyond one row."""
