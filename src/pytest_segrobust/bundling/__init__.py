"""The evidence of a run in one file that can be archived, signed, and checked for any change."""
