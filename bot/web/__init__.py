"""Reading pages that people name, without reaching into the operator's own network."""
