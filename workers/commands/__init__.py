"""The commands of `mgnode` that train, test and manage models, one module for each."""
