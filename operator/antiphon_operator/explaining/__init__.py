"""What the control loop saw, considered, did and held back, in words for people."""
