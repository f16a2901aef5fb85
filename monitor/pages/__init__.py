"""What people see in a browser: sign-in, the account with its tokens, and the admin."""
