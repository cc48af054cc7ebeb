"""From records to sentences, tables, verdicts and the book."""
