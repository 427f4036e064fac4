"""The only modules that know Chalice, Powertools and Lambda events."""
