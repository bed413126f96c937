"""What may differ between two hospitals: settings and logging."""
