"""What can be decided about settings without asking anybody."""
