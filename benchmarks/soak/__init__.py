"""A whole node under load and faults for half an hour, and what became of everything."""
