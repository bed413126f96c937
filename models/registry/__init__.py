"""The models of an installation: registered, fetched, checked and removed."""
