"""What people see in a browser: the pages, sign-in, the account with its tokens, and the admin."""
