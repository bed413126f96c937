"""Files: where they lie, how they become durable, how much room is left."""
