"""The audit: every claim of the study and of this book, the test of each, and its verdict."""
