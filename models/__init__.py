"""The detector: neural networks in numpy and Keras 3, nothing of DICOM."""
