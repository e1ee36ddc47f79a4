"""Models that an Ollama server has."""
