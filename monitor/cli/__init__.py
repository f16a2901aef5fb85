"""The commands of `python -m monitor`: provision, recorder, token, sign_in_link."""
