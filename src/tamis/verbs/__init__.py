"""What a user calls, as typed functions, by area; `tamis.api` has those of selecting."""
