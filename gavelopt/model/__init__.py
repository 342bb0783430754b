"""The nouns: what is asked, frozen and array-backed."""
