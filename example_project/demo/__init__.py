"""What ``manage.py demo`` is made of; the command itself only reads its options and prints.

``plan`` decides where everything will be, before Django loads its settings; ``stage`` starts the servers and ends
them; ``web`` serves the site; ``visitor`` is a person at a browser; ``story`` lets one live through a reset, read from
the rows; ``scenes`` are what may go wrong, ``doors`` what happens at the sign-in; ``callers`` are five people on the
phone.
"""
