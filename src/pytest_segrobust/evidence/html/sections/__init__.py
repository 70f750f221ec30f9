"""The sections of the report, one module each: what a template shows of it, in words, with nothing left to compute."""
