"""The central review of a trial: who reads what and when, and which read is accepted."""
