"""The DICOM Upper Layer (PS3.8) of pynetdicom with threads that sleep until something happens."""
