"""Whether rows that a method selects train a better model than random rows."""
