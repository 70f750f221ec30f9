"""The claim: requirements as sentences and as data, and the file that holds them."""
