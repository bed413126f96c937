"""How good a detector is on annotated images: figures, their intervals, and the page."""
