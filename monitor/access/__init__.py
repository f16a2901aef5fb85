"""Who may do what, how a request is refused, accounts and sign-in, and logs without keys."""
