"""The DICOM node: receives mammograms, keeps the truth in SQL, returns results."""
