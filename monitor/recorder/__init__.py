"""From the broker to the database, exactly once; and the end of what nobody owns any more."""
