"""User models as hosts have them: other keys, other names for things, none at all."""
