"""The evidence: what was measured, as records, in a store, in reports."""
