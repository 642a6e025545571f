"""Account recovery that can be followed from the click on "forgot password" to the new password."""

__version__ = "0.1.0"
