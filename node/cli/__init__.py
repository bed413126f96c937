"""The node's half of the command line."""
