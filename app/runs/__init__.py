"""What the workers run: one function per kind of job, from its document to its outcome."""
