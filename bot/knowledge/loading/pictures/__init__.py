"""Pictures of messages and documents, made ready for models that see."""
