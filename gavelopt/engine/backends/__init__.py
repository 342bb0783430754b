"""One backend a file. A backend imports its solver when it is called, never when it is imported."""
