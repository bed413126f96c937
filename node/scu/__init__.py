"""The Storage SCU: how results reach a destination, and what each answer means."""
