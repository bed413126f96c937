"""Synthetic mammograms with lesions and their boxes; made by numbers, of no patient."""
