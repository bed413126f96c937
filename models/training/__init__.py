"""Training the detector by the published recipe, or by another one."""
