"""The Docker engine and Compose: what runs, from which images, and how it is driven."""
