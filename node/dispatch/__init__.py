"""The outbox loop: committed rows to the broker, expired leases back to the queue."""
