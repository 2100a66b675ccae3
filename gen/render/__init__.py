"""Plan in, text out: one module for each thing that is written."""
