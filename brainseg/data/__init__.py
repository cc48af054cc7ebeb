"""Reading, making, checking and preparing the data sets."""
