"""What comes back from workstations: structured reports of others as corrections of a result."""
