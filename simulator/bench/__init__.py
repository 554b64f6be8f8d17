"""How fast it is, beside the best of the field in the same run; tables, never assertions."""
