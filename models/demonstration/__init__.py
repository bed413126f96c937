"""The bundled demonstration model: trained on synthetic images, without clinical value."""
