"""What the reading room keeps: tables, their migrations, and the audit over all of them."""
