"""What answers at each address: it gathers facts from the records and hands them to a template."""
