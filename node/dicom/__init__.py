"""Pure DICOM: headers, pixels, geometry, and the objects the node returns."""
