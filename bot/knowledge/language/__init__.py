"""Words, sentences and units of many languages."""
