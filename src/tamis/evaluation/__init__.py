"""Whether one model's answers are better than another's, and how sure that is."""
