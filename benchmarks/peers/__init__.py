"""The node and three other receivers under the same faults, side by side in one run."""
