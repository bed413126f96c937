"""Annotated mammograms: what is known of an image, manifests of many, and their folds."""
