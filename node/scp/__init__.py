"""The Storage SCP: who may associate, what is stored, which status is answered."""
