"""The node's self-test: every step of a mammogram's way by every fault, on a scratch folder."""
