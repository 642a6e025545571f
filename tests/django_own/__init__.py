"""Django's own tests of password reset, run on this app by swapping the names. Nothing of Django is kept here: its
source is fetched, in the version that is installed.
"""
