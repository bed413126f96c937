"""DICOM over TLS: contexts, certificates, and what each failure means (PS3.15 B.12)."""
