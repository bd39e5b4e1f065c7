"""The rules of progress and of runs, without IO: each function takes a record and the time, and returns the next record."""
