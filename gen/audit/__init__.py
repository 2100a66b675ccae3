"""What reads a finished script before anyone runs it."""
