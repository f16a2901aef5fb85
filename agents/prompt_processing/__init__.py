"""Prompt processing: one task a run, which stands in the record of its execution."""
