"""One module an agent program; the module's name is the Compose service's, with underscores."""
