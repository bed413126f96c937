"""How the bundled demonstration model is trained and measured; see models/README.md."""
