"""What the monitor does when somebody asks: commands to runner and supervisor, and their replies."""
