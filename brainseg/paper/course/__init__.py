"""Chapters handed out to a class: exercises, editions for students and teachers, and a course for nbgrader."""
