"""Executing the chapters and checking the built book."""
