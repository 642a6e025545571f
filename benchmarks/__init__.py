"""How fast the forgot page and the reset link are, beside Django's own and allauth's, and what their timing tells."""
